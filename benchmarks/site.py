"""Be a web process for a benchmark: ``python -m benchmarks.site`` serves on a free port and prints it.

It uses the database named by BENCHMARK_DATABASE, and each of its threads keeps its connection to it.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Serve until told to stop."""
    import django
    from django.conf import settings
    from django.db import connections

    django.setup()
    settings.ROOT_URLCONF = "benchmarks.bare"
    settings.UNICOM_EXECUTOR = "worker"
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["*"]
    connections["default"].settings_dict.update(NAME=os.environ["BENCHMARK_DATABASE"], CONN_MAX_AGE=None)

    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        """Keep quiet about requests."""

        # Head and body are written apart, and a client would wait 40 ms for the second.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
