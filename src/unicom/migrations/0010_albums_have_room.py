"""Keep a channel quiet for an album that would else find no room in its window."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("unicom", "0009_mail_is_found_by_its_number")]

    operations = [
        migrations.AddField(
            model_name="pace", name="held_for", field=models.BigIntegerField(blank=True, null=True)
        ),
        migrations.AddField(model_name="pace", name="held_until", field=models.FloatField(default=0.0)),
    ]
