from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('unicom', '0010_albums_have_room'),
    ]

    operations = [
        migrations.AddField(
            model_name='channel',
            name='teams',
            field=models.ManyToManyField(blank=True, help_text='Only their members, and superusers, work with this channel. Empty: all staff with the permissions.', related_name='unicom_channels', to='auth.group'),
        ),
    ]
