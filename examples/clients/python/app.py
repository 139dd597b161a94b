"""Requests of an application, from Python with psycopg."""

import os

import psycopg

STATUS = {"28000": 401, "42501": 403, "42704": 404, "53400": 429, "40001": 503, "40P01": 503}


def status(state):
    """What a web framework answers: by SQLSTATE, or by its class."""
    return STATUS.get(state) or {"22": 400, "23": 409, "55": 409}.get(state[:2], 500)


def request(connection, token, tenant, handler):
    """Runs handler as whoever presents the token: all of it or nothing. Afterwards nobody is asking."""
    try:
        with connection.transaction():
            connection.execute("SELECT saas.begin_request(%s, %s)", [token, tenant])
            return 200, handler(connection)
    except psycopg.Error as error:
        if error.sqlstate is None:  # the connection is lost
            raise
        return status(error.sqlstate), error.diag.message_primary


def log_in(gateway, user, address):
    """After the application has checked the password. The token goes into the cookie; the database has its hash."""
    return gateway.execute("SELECT saas.create_session(%s, ip_address => %s)", [user, address]).fetchone()[0]


def add(title):
    return lambda connection: connection.execute(
        "INSERT INTO saas.projects (tenant_id, title) VALUES (saas.current_tenant_id(), %s) RETURNING title", [title]).fetchone()[0]


def titles(connection):
    return ", ".join(row[0] for row in connection.execute("SELECT title FROM saas.projects ORDER BY title"))


def require(permission):
    return lambda connection: connection.execute("SELECT saas.require_tenant_permission(%s)", [permission])


def log_out(connection):
    connection.execute("SELECT saas.revoke_session(saas.current_session_id())")


def main():
    ann, acme, globex = os.environ["ANN"], os.environ["ACME"], os.environ["GLOBEX"]
    with psycopg.connect(user="shop_gateway", autocommit=True) as gateway:
        token = log_in(gateway, ann, "192.0.2.1")
    with psycopg.connect(user="shop_app", autocommit=True) as app:
        print(*request(app, token, acme, add("First project")))
        print(*request(app, token, acme, titles))
        print(*request(app, token, acme, require("tenant.delete")))
        print(*request(app, token, acme, require("tenant.reed")))
        print(*request(app, token, acme, add("")))
        print(*request(app, token, globex, titles))
        print(*request(app, "saas_session_of_nobody", acme, titles))
        print("now asks", app.execute("SELECT coalesce(saas.current_user_id()::text, 'nobody')").fetchone()[0])
        request(app, token, None, log_out)
        print(*request(app, token, acme, titles))


if __name__ == "__main__":
    main()
