//! Documents, credit notes and reminders: who may, and what several sessions do at once.

mod books;

use books::{Books, finalize, generate};
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, asking, join, one, person};
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

fn at_once<T: Send>(clients: Vec<Client>, work: impl Fn(&mut Client) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(clients.len());
    thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(&mut client)
                })
            })
            .collect();
        running.into_iter().map(|session| session.join().unwrap()).collect()
    })
}

#[test]
fn credit_notes_at_once_take_back_no_more_than_there_is() {
    let mut books = Books::new();
    books.run("SELECT saas.set_tax_rate('DE', 19, '2020-01-01')");
    for round in 0..8 {
        let acme = books.subscribed("plus", "2026-01-01Z");
        books.run(&format!("SELECT saas.set_billing_details('{acme}', '{{\"country\": \"DE\"}}')"));
        let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
        finalize(&mut books.worker, invoice).unwrap();
        if round % 2 == 0 {
            let sql =
                "UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = $1";
            books.data.execute(sql, &[&invoice]).unwrap();
        }
        // 2380 with the tax: two of six are possible, then the rest is.
        let clients = (0..6).map(|_| books.db.owner()).collect();
        let outcomes = at_once(clients, |client| {
            client
                .execute("SELECT saas.credit_invoice($1, 'Outage', 1000)", &[&invoice])
                .map_err(|error| error.code().unwrap().code().to_owned())
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err("22023".into())).count(), 4);
        books.data.execute("SELECT saas.credit_invoice($1, 'The rest')", &[&invoice]).unwrap();
        let sums = "SELECT sum(net_amount) || ' ' || sum(tax) FROM saas.credit_notes WHERE invoice_id = $1";
        assert_eq!(books.one::<String>(sums, &[&invoice]), "2000 380");
        let back = if round % 2 == 0 { 2380 } else { 0 };
        assert_eq!(books.balance(acme), back);
    }
    books.balanced();
}

#[test]
fn each_reminder_is_written_once() {
    let mut books = Books::new();
    let mut invoices = 0;
    for _ in 0..5 {
        let acme = books.subscribed("plus", "2026-01-01Z");
        let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
        finalize(&mut books.worker, invoice).unwrap();
        invoices += 1;
    }
    for (step, days) in [("reminder", 20), ("warning", 30), ("final", 40)] {
        let clients = (0..6).map(|_| books.db.connect("saas_worker")).collect();
        let written: i64 = at_once(clients, |client| {
            let sql = "SELECT saas.advance_dunning(now() + make_interval(days => $1))";
            one::<i64>(client, sql, &[&days])
        })
        .into_iter()
        .sum();
        assert_eq!(written, invoices, "{step}");
        let sql = "SELECT count(*) FROM saas.outbox WHERE topic = 'invoice.' || $1";
        assert_eq!(books.one::<i64>(sql, &[&step]), invoices, "{step}");
    }
    let behind = "SELECT count(*) FROM saas.tenant_subscriptions WHERE status = 'past_due'";
    assert_eq!(books.one::<i64>(behind, &[]), invoices);
    books.balanced();
}

#[test]
fn documents_are_for_whom_they_concern() {
    let mut story = Story::new();
    let acme = story.acme.id;
    story
        .data
        .batch_execute(&format!(
            "SELECT saas.subscribe('{acme}', 'free', 1, '2026-01-01Z');
             SELECT saas.finalize_invoice(saas.generate_invoice('{acme}', '2026-01-01'))"
        ))
        .unwrap();
    let invoice: Uuid = one(&mut story.data, "SELECT id FROM saas.payment_invoices", &[]);
    let member = person(&mut story.data, "plain");
    join(&mut story.data, &story.acme, &member, "tenant_member");
    let as_who = |client: &mut Client, who: &Person, sql: &str, id: Uuid| {
        let mut request = asking(client, who, None);
        request.execute(sql, &[&id])
    };
    let mut app = story.db.kind("app");
    for read in ["SELECT saas.invoice_document($1)", "SELECT saas.invoice_html($1)"] {
        assert_eq!(as_who(&mut app, &story.acme.owner, read, invoice).unwrap(), 1);
        // What is another's, what one may not see, and what is not there look the same.
        for (who, id) in [
            (&story.globex.owner, invoice),
            (&member, invoice),
            (&story.acme.owner, Uuid::from_u128(7)),
        ] {
            assert_sqlstate(as_who(&mut app, who, read, id), "42501");
        }
        assert_sqlstate(app.execute(read, &[&invoice]), "28000");
    }
    let credit = "SELECT saas.credit_invoice($1, 'For me')";
    assert_sqlstate(as_who(&mut app, &story.acme.owner, credit, invoice), "42501");
    let mut admin = story.db.kind("admin");
    assert_sqlstate(as_who(&mut admin, &story.support, credit, invoice), "42501");
    let issuer = "SELECT saas.set_issuer('{\"name\": \"Me\"}') WHERE $1::uuid IS NOT NULL";
    assert_sqlstate(as_who(&mut admin, &story.support, issuer, invoice), "42501");
    assert_eq!(as_who(&mut admin, &story.superadmin, issuer, invoice).unwrap(), 1);
    let read = "SELECT saas.invoice_document($1)";
    assert_sqlstate(as_who(&mut admin, &story.superadmin, read, Uuid::from_u128(7)), "23503");
}
