"""Find mail by its number in the mailbox: whatever waits there to be marked as seen is looked up by it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("unicom", "0008_llm")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("imap_uid__isnull", False)),
                fields=["channel", "imap_uid"],
                name="unicom_message_uid",
            ),
        ),
    ]
