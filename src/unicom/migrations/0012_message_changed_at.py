from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('unicom', '0011_channel_teams'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='changed_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('changed_at__isnull', False)), fields=['chat', 'changed_at'], name='unicom_message_changed'),
        ),
    ]
