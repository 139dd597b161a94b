//! Requests of an application, from Rust with postgres. With tokio-postgres, sqlx and the like it is the same SQL.

use postgres::{Client, Config, Error, NoTls, Transaction};
use std::env;
use std::error::Error as AnyError;
use uuid::Uuid;

/// What a web framework answers: by SQLSTATE, or by its class.
fn status(state: &str) -> u16 {
    match state {
        "28000" => 401,
        "42501" => 403,
        "42704" => 404,
        "53400" => 429,
        "40001" | "40P01" => 503,
        _ if state.starts_with("22") => 400,
        _ if state.starts_with("23") || state.starts_with("55") => 409,
        _ => 500,
    }
}

/// Runs `handler` as whoever presents the token: all of it or nothing. Afterwards nobody is asking.
fn request<T>(
    client: &mut Client,
    token: &str,
    tenant: Option<Uuid>,
    handler: impl FnOnce(&mut Transaction) -> Result<T, Error>,
) -> Result<Result<T, (u16, String)>, Error> {
    let run = || -> Result<T, Error> {
        // Dropped without a commit it is rolled back.
        let mut transaction = client.transaction()?;
        transaction.execute("SELECT saas.begin_request($1, $2)", &[&token, &tenant])?;
        let result = handler(&mut transaction)?;
        transaction.commit()?;
        Ok(result)
    };
    match run() {
        Ok(result) => Ok(Ok(result)),
        Err(error) => match error.as_db_error() {
            Some(refused) => Ok(Err((status(refused.code().code()), refused.message().to_owned()))),
            None => Err(error), // the connection is lost
        },
    }
}

/// After the application has checked the password. The token goes into the cookie; the database has its hash.
fn log_in(gateway: &mut Client, user: Uuid, address: &str) -> Result<String, Error> {
    let sql = "SELECT saas.create_session($1, ip_address => $2::text::inet)";
    gateway.query_one(sql, &[&user, &address])?.try_get(0)
}

fn add(title: &str) -> impl FnOnce(&mut Transaction) -> Result<String, Error> {
    move |transaction| {
        let sql = "INSERT INTO saas.projects (tenant_id, title) VALUES (saas.current_tenant_id(), $1) RETURNING title";
        transaction.query_one(sql, &[&title])?.try_get(0)
    }
}

fn titles(transaction: &mut Transaction) -> Result<String, Error> {
    let rows = transaction.query("SELECT title FROM saas.projects ORDER BY title", &[])?;
    let titles: Result<Vec<String>, Error> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(titles?.join(", "))
}

fn require(permission: &str) -> impl FnOnce(&mut Transaction) -> Result<String, Error> {
    move |transaction| {
        transaction.execute("SELECT saas.require_tenant_permission($1)", &[&permission])?;
        Ok(String::new())
    }
}

fn log_out(transaction: &mut Transaction) -> Result<String, Error> {
    transaction.execute("SELECT saas.revoke_session(saas.current_session_id())", &[])?;
    Ok(String::new())
}

/// By the environment that libpq's programs use.
fn connect(user: &str) -> Result<Client, Box<dyn AnyError>> {
    let (host, database) = (env::var("PGHOST")?, env::var("PGDATABASE")?);
    Ok(Config::new().host(&host).dbname(&database).user(user).connect(NoTls)?)
}

fn show(answer: Result<String, (u16, String)>) {
    match answer {
        Ok(result) => println!("200 {result}"),
        Err((status, message)) => println!("{status} {message}"),
    }
}

fn main() -> Result<(), Box<dyn AnyError>> {
    let id = |name: &str| -> Result<Uuid, Box<dyn AnyError>> { Ok(env::var(name)?.parse()?) };
    let (ann, acme, globex) = (id("ANN")?, Some(id("ACME")?), Some(id("GLOBEX")?));
    let token = log_in(&mut connect("shop_gateway")?, ann, "192.0.2.1")?;
    let mut app = connect("shop_app")?;
    show(request(&mut app, &token, acme, add("First project"))?);
    show(request(&mut app, &token, acme, titles)?);
    show(request(&mut app, &token, acme, require("tenant.delete"))?);
    show(request(&mut app, &token, acme, require("tenant.reed"))?);
    show(request(&mut app, &token, acme, add(""))?);
    show(request(&mut app, &token, globex, titles)?);
    show(request(&mut app, "saas_session_of_nobody", acme, titles)?);
    let who = "SELECT coalesce(saas.current_user_id()::text, 'nobody')";
    let who: String = app.query_one(who, &[])?.try_get(0)?;
    println!("now asks {who}");
    let _ = request(&mut app, &token, None, log_out)?;
    show(request(&mut app, &token, acme, titles)?);
    Ok(())
}
