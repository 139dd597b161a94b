//! Consents, requests and erasure over real connections: races, rollback, and who may what.

use postgres::Client;
use saas_core_tests::story::{Person, Story, asking, assign, one, person};
use saas_core_tests::{TestDb, assert_sqlstate};
use serde_json::Value;
use std::thread;
use std::time::Duration;
use uuid::Uuid;

fn until_somebody_waits(client: &mut Client) {
    let waits = "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                                 WHERE NOT l.granted AND a.datname = current_database())";
    for _ in 0..500 {
        if one::<bool>(client, waits, &[]) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody waits");
}

fn healthy(client: &mut Client) {
    let found =
        client.query("SELECT invariant, object, detail FROM saas.check_invariants()", &[]).unwrap();
    let found: Vec<[String; 3]> =
        found.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// A person with a session, and a verified request for his erasure.
fn to_erase(owner: &mut Client, name: &str) -> (Person, Uuid) {
    let person = person(owner, name);
    let request = one(owner, "SELECT saas.open_privacy_request($1, 'erasure')", &[&person.id]);
    owner.execute("SELECT saas.verify_privacy_request($1)", &[&request]).unwrap();
    (person, request)
}

const ERASE: &str = "SELECT saas.erase_user($1)";

#[test]
fn erased_twice_at_once_gives_one_answer() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let (ann, request) = to_erase(&mut owner, "ann");
    let (mut first, mut second) = (db.owner(), db.owner());
    let mut erasing = first.transaction().unwrap();
    let answer: Value = one(&mut erasing, ERASE, &[&request]);
    let other = thread::spawn(move || one::<Value>(&mut second, ERASE, &[&request]));
    until_somebody_waits(&mut owner);
    erasing.commit().unwrap();
    assert_eq!(other.join().unwrap(), answer);
    let done = "SELECT count(*) FROM saas.platform_audit_logs WHERE action = 'users.update' AND target_id = $1::text";
    // The address and the mark of the end, each once.
    assert_eq!(one::<i64>(&mut owner, done, &[&ann.id.to_string()]), 2);
    healthy(&mut owner);
}

#[test]
fn a_rolled_back_erasure_leaves_everything() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let (ann, request) = to_erase(&mut owner, "ann");
    let mut erasing = owner.transaction().unwrap();
    one::<Value>(&mut erasing, ERASE, &[&request]);
    drop(erasing);
    let mut app = db.kind("app");
    assert_eq!(one::<Uuid>(&mut app, "SELECT saas.begin_request($1)", &[&ann.token]), ann.id);
    let status = "SELECT status FROM saas.privacy_requests WHERE id = $1";
    assert_eq!(one::<String>(&mut owner, status, &[&request]), "verified");
    // And then it works.
    one::<Value>(&mut owner, ERASE, &[&request]);
    assert_sqlstate(app.query("SELECT saas.begin_request($1)", &[&ann.token]), "28000");
    healthy(&mut owner);
}

/// Who was there first is erased with the rest; who comes meanwhile is refused.
#[test]
fn nothing_is_tied_to_a_person_while_he_is_erased() {
    let mut story = Story::new();
    let (ann, request) = to_erase(&mut story.data, "ann");
    let (mut first, mut second) = (story.db.owner(), story.db.owner());
    let mut opening = first.transaction().unwrap();
    opening.execute("SELECT saas.create_session($1)", &[&ann.id]).unwrap();
    let join = "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
                SELECT $1, $2, id FROM saas.roles WHERE key = 'tenant_guest'";
    opening.execute(join, &[&story.acme.id, &ann.id]).unwrap();
    let erasing = thread::spawn(move || one::<Value>(&mut second, ERASE, &[&request]));
    until_somebody_waits(&mut story.data);
    opening.commit().unwrap();
    let answer = erasing.join().unwrap();
    assert_eq!(answer["deleted"]["sessions"], 2);
    assert_eq!(answer["deleted"]["tenant_members"], 1);

    let (bob, request) = to_erase(&mut story.data, "bob");
    let mut erasing = first.transaction().unwrap();
    one::<Value>(&mut erasing, ERASE, &[&request]);
    let attempts: [(&str, &str); 4] = [
        ("SELECT saas.create_session($1)", "23503"),
        ("SELECT saas.record_consent($1, 'newsletter', 'consent', '1')", "23503"),
        ("SELECT saas.open_privacy_request($1, 'access')", "23503"),
        (
            "INSERT INTO saas.accounts (user_id, provider_id, account_id) VALUES ($1, 'x', 'bob')",
            "23503",
        ),
    ];
    let waiting: Vec<_> = attempts
        .into_iter()
        .map(|(sql, sqlstate)| {
            let mut client = story.db.owner();
            let id = bob.id;
            thread::spawn(move || {
                assert_sqlstate(client.execute(sql, &[&id]), sqlstate);
            })
        })
        .collect();
    until_somebody_waits(&mut story.data);
    thread::sleep(Duration::from_millis(200));
    erasing.commit().unwrap();
    waiting.into_iter().for_each(|attempt| attempt.join().unwrap());
    let left = "SELECT count(*) FROM saas.sessions WHERE user_id = ANY ($1)";
    assert_eq!(one::<i64>(&mut story.data, left, &[&vec![ann.id, bob.id]]), 0);
    healthy(&mut story.data);
}

/// Somebody joins the tenant of which he would have been the only member: it is not deleted under them.
#[test]
fn a_tenant_that_somebody_joins_is_not_deleted() {
    let mut story = Story::new();
    let (ann, request) = to_erase(&mut story.data, "ann");
    let tenant: Uuid = one(&mut story.data, "SELECT saas.create_tenant('Solo', $1)", &[&ann.id]);
    let (mut first, mut second) = (story.db.owner(), story.db.owner());
    let mut joining = first.transaction().unwrap();
    joining
        .execute("SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE", &[&tenant])
        .unwrap();
    let join = "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
                SELECT $1, $2, id FROM saas.roles WHERE key = 'tenant_member'";
    joining.execute(join, &[&tenant, &story.stranger.id]).unwrap();
    let erasing = thread::spawn(move || {
        let refused = assert_sqlstate(second.query(ERASE, &[&request]), "55000");
        assert!(refused.message().contains(&tenant.to_string()), "{refused:?}");
        assert!(refused.hint().unwrap().contains("transfer_ownership"), "{refused:?}");
    });
    until_somebody_waits(&mut story.data);
    joining.commit().unwrap();
    erasing.join().unwrap();
    let deleted = "SELECT deleted_at IS NOT NULL FROM saas.tenants WHERE id = $1";
    assert!(!one::<bool>(&mut story.data, deleted, &[&tenant]));
    healthy(&mut story.data);
}

#[test]
fn two_requests_at_once_are_one() {
    let mut story = Story::new();
    let ann = story.stranger.clone();
    let (mut first, mut second) = (story.db.kind("app"), story.db.kind("app"));
    let open = "SELECT saas.open_privacy_request($1, 'access')";
    let mut request = asking(&mut first, &ann, None);
    one::<Uuid>(&mut request, open, &[&ann.id]);
    let other = thread::spawn(move || {
        let mut request = asking(&mut second, &ann, None);
        assert_sqlstate(request.query(open, &[&ann.id]), "23505");
    });
    until_somebody_waits(&mut story.data);
    request.commit().unwrap();
    other.join().unwrap();
    assert_eq!(one::<i64>(&mut story.data, "SELECT count(*) FROM saas.privacy_requests", &[]), 1);
    healthy(&mut story.data);
}

#[test]
fn one_consent_said_twice_at_once_is_one() {
    let mut story = Story::new();
    let ann = story.stranger.clone();
    let (mut first, mut second) = (story.db.kind("app"), story.db.kind("app"));
    let give = "SELECT saas.record_consent($1, 'newsletter', 'consent', '1')";
    let mut request = asking(&mut first, &ann, None);
    request.execute(give, &[&ann.id]).unwrap();
    let other = thread::spawn(move || {
        let mut request = asking(&mut second, &ann, None);
        request.execute(give, &[&ann.id]).unwrap();
        request.commit().unwrap();
    });
    until_somebody_waits(&mut story.data);
    request.commit().unwrap();
    other.join().unwrap();
    assert_eq!(one::<i64>(&mut story.data, "SELECT count(*) FROM saas.user_consents", &[]), 1);
    healthy(&mut story.data);
}

/// What the caller brings along is not met: his tables, his operators, his functions.
#[test]
fn what_lies_in_the_callers_way_is_ignored() {
    let mut story = Story::new();
    story.db.superuser().batch_execute("GRANT CREATE ON SCHEMA public TO PUBLIC;").unwrap();
    let ann = person(&mut story.data, "ann");
    let mut app = story.db.kind("app");
    app.batch_execute(
        "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'everybody' $$;
         CREATE FUNCTION public.same(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
         CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.same);
         SET search_path = public, pg_catalog",
    )
    .unwrap();
    let mut request = asking(&mut app, &ann, None);
    let copy: Value = one(
        &mut request,
        "SELECT saas.export_personal_data(saas.open_privacy_request($1, 'access'))",
        &[&ann.id],
    );
    let users = copy["data"]["users"]["Login and messages"]["rows"].as_array().unwrap();
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(users[0]["email"], "ann@example.com");
}

/// The whole way of a person: copy, erasure by the platform, and the log that tells of it.
#[test]
fn a_person_goes() {
    let mut story = Story::new();
    let (acme, member) = (story.acme.clone(), story.acme.member.clone());
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &member, None);
    let erasure: Uuid =
        one(&mut request, "SELECT saas.open_privacy_request($1, 'erasure')", &[&member.id]);
    let copy: Value = one(
        &mut request,
        "SELECT saas.export_personal_data(saas.open_privacy_request($1, 'portability'))",
        &[&member.id],
    );
    request.commit().unwrap();
    let membership = &copy["data"]["tenant_members"]["Membership in a tenant"]["rows"][0];
    assert_eq!(membership["tenant_id"], acme.id.to_string());

    let mut admin = story.db.kind("admin");
    for other in [&story.support, &story.platform_admin, &member] {
        let mut request = asking(&mut admin, other, None);
        assert_sqlstate(request.query(ERASE, &[&erasure]), "42501");
    }
    let mut request = asking(&mut admin, &story.superadmin, None);
    request.execute("SELECT saas.verify_privacy_request($1)", &[&erasure]).unwrap();
    let answer: Value = one(&mut request, ERASE, &[&erasure]);
    request.commit().unwrap();
    assert_eq!(answer["tenants_deleted"], serde_json::json!([]));
    assert_sqlstate(app.query("SELECT saas.begin_request($1)", &[&member.token]), "28000");
    let by: Uuid = one(
        &mut story.data,
        "SELECT actor_id FROM saas.platform_audit_logs
          WHERE action = 'users.update' AND new_values ? 'deleted_at' AND target_id = $1",
        &[&member.id.to_string()],
    );
    assert_eq!(by, story.superadmin.id);
    healthy(&mut story.data);
    // Whoever hands out rights to the gone is refused.
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        assign(&mut story.data, &member, "platform_support");
    }));
    assert!(refused.is_err());
}
