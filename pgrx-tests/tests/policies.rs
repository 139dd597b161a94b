//! Policies that call the checks: the plans that they get, and that the plans are right.

use postgres::{Client, GenericClient};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, join, one, tenant};
use uuid::Uuid;

const ARRAY: &str = "(tenant_id = ANY (saas.permitted_tenant_ids('project.create'::text)))";

/// An application's table with the naive policy, 60 tenants and 40 rows in each.
fn with_documents() -> Story {
    let mut story = Story::new();
    story.db.kind("app");
    story
        .data
        .batch_execute(
            "CREATE SCHEMA shop;
             CREATE TABLE shop.documents (
               tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, kind int NOT NULL DEFAULT 1, title text,
               PRIMARY KEY (tenant_id, id));
             CREATE UNIQUE INDEX ON shop.documents (id);
             INSERT INTO saas.tenants (name) SELECT 'tenant ' || i FROM generate_series(1, 58) i;
             INSERT INTO shop.documents (tenant_id, kind, title)
             SELECT t.id, i, 'title ' || i FROM generate_series(1, 40) i, saas.tenants t;
             ALTER TABLE shop.documents ENABLE ROW LEVEL SECURITY;
             CREATE POLICY rights ON shop.documents USING (saas.has_tenant_permission(tenant_id, 'project.create'));
             GRANT USAGE ON SCHEMA shop TO saas_app;
             GRANT SELECT, INSERT, UPDATE, DELETE ON shop.documents TO saas_app;
             ANALYZE shop.documents",
        )
        .unwrap();
    story
}

fn explain(client: &mut impl GenericClient, sql: &str) -> String {
    let rows = client.query(&format!("EXPLAIN (COSTS OFF) {sql}"), &[]).unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

/// What the index is asked in a plan that prefers indexes.
fn condition(client: &mut impl GenericClient, sql: &str) -> String {
    client.batch_execute("SET LOCAL enable_seqscan = off").unwrap();
    let plan = explain(client, sql);
    plan.lines()
        .filter(|line| line.contains("Index Cond:"))
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("; ")
}

fn titles(client: &mut impl GenericClient) -> i64 {
    one(client, "SELECT count(*) FROM shop.documents", &[])
}

#[test]
fn a_naive_policy_uses_the_index() {
    let mut story = with_documents();
    let acme = story.acme.clone();
    story
        .data
        .batch_execute(
            "CREATE INDEX by_kind ON shop.documents (kind, tenant_id, id);
             CREATE TABLE shop.parts (tenant_id uuid NOT NULL, id bigint NOT NULL, name text, PRIMARY KEY (tenant_id, id))
               PARTITION BY HASH (tenant_id);
             CREATE TABLE shop.parts_0 PARTITION OF shop.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
             CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
             ALTER TABLE shop.parts ENABLE ROW LEVEL SECURITY;
             CREATE POLICY rights ON shop.parts USING (saas.has_tenant_permission(tenant_id, 'project.create'));
             INSERT INTO shop.parts SELECT tenant_id, id, title FROM shop.documents;
             GRANT SELECT ON shop.parts TO saas_app;
             ANALYZE shop.documents; ANALYZE shop.parts",
        )
        .unwrap();
    let mut app = story.db.connect("saas_app");
    let mut request = asking(&mut app, &acme.member, None);
    for (sql, expected) in [
        ("SELECT count(*) FROM shop.documents", ARRAY.to_owned()),
        ("SELECT * FROM shop.documents", ARRAY.to_owned()),
        ("SELECT * FROM shop.documents WHERE title LIKE '%a%'", ARRAY.to_owned()),
        ("UPDATE shop.documents SET title = 'x'", ARRAY.to_owned()),
        ("DELETE FROM shop.documents", ARRAY.to_owned()),
        ("SELECT * FROM shop.documents WHERE kind = 7", {
            "((kind = 7) AND ".to_owned() + ARRAY + ")"
        }),
    ] {
        assert_eq!(condition(&mut request, sql), format!("Index Cond: {expected}"), "{sql}");
    }
    // Each partition, and both sides of a join.
    let parts = condition(&mut request, "SELECT * FROM shop.parts");
    assert_eq!(parts, format!("Index Cond: {ARRAY}; Index Cond: {ARRAY}"));
    request.batch_execute("SET LOCAL enable_nestloop = off").unwrap();
    let both = condition(
        &mut request,
        "SELECT * FROM shop.documents d JOIN shop.parts p USING (tenant_id, id)",
    );
    assert_eq!(both.matches("permitted_tenant_ids('project.create'::text)").count(), 3, "{both}");
    // A row that a unique key finds is looked at alone.
    let (own, foreign): (i64, i64) = {
        let sql = "SELECT min(id) FILTER (WHERE tenant_id = $1), min(id) FILTER (WHERE tenant_id <> $1) FROM shop.documents";
        let row = story.data.query_one(sql, &[&acme.id]).unwrap();
        (row.get(0), row.get(1))
    };
    for (id, rows) in [(own, 1), (foreign, 0)] {
        let sql = format!("SELECT * FROM shop.documents WHERE id = {id}");
        assert_eq!(condition(&mut request, &sql), format!("Index Cond: (id = {id})"));
        assert_eq!(request.query(&sql, &[]).unwrap().len(), rows);
    }
    // 40 rows, whichever way.
    assert_eq!(titles(&mut request), 40);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM shop.parts", &[]), 40);
    let update = "UPDATE shop.documents SET title = 'x' RETURNING tenant_id";
    assert_eq!(request.query(update, &[]).unwrap().len(), 40);
    assert_eq!(request.execute("DELETE FROM shop.documents", &[]).unwrap(), 40);
}

#[test]
fn where_it_would_not_help_the_plan_stays() {
    let mut story = with_documents();
    let acme = story.acme.clone();
    story
        .data
        .batch_execute(
            "CREATE TABLE shop.texts (tenant_id text PRIMARY KEY, other uuid NOT NULL);
             CREATE TABLE shop.hashed (tenant_id uuid NOT NULL);
             CREATE INDEX ON shop.hashed USING hash (tenant_id);
             CREATE TABLE shop.keys (tenant_id uuid NOT NULL, key text NOT NULL);
             CREATE INDEX ON shop.keys (tenant_id);
             INSERT INTO shop.keys SELECT id, 'project.create' FROM saas.tenants;
             GRANT SELECT ON ALL TABLES IN SCHEMA shop TO saas_app",
        )
        .unwrap();
    let mut app = story.db.connect("saas_app");
    let mut request = asking(&mut app, &acme.member, None);
    let acme_id = acme.id;
    for (sql, expected) in [
        // An equality is better.
        (
            format!("SELECT * FROM shop.documents WHERE tenant_id = '{acme_id}'"),
            format!("Index Cond: (tenant_id = '{acme_id}'::uuid)"),
        ),
        (
            format!("SELECT * FROM shop.documents WHERE '{acme_id}' = tenant_id AND kind = 3"),
            format!("Index Cond: (tenant_id = '{acme_id}'::uuid)"),
        ),
        (
            format!("SELECT * FROM shop.documents WHERE tenant_id = ANY ('{{{acme_id}}}')"),
            format!("Index Cond: (tenant_id = ANY ('{{{acme_id}}}'::uuid[]))"),
        ),
        (
            "SELECT * FROM shop.documents WHERE tenant_id = saas.authorized_tenant_id('tenant.read')".into(),
            "Index Cond: (tenant_id = saas.authorized_tenant_id('tenant.read'::text))".into(),
        ),
        // One array a column, and it is the policy's.
        (
            "SELECT * FROM shop.documents WHERE saas.has_tenant_permission(tenant_id, 'tenant.read')".into(),
            format!("Index Cond: {ARRAY}"),
        ),
        // What is no uuid column with a B-tree index, or is no constant for the scan.
        ("SELECT * FROM shop.texts WHERE saas.has_tenant_permission(tenant_id::uuid, 'tenant.read')".into(), String::new()),
        ("SELECT * FROM shop.texts WHERE saas.has_tenant_permission(other, tenant_id)".into(), String::new()),
        ("SELECT * FROM shop.hashed WHERE saas.has_tenant_permission(tenant_id, 'tenant.read')".into(), String::new()),
        ("SELECT * FROM shop.keys WHERE saas.has_tenant_permission(tenant_id, key)".into(), String::new()),
        ("SELECT * FROM shop.keys WHERE NOT saas.has_tenant_permission(tenant_id, 'tenant.read')".into(), String::new()),
        ("SELECT * FROM shop.keys WHERE saas.has_tenant_permission(tenant_id, 'tenant.read') IS NOT TRUE".into(), String::new()),
        ("SELECT * FROM shop.keys WHERE saas.has_tenant_permission(gen_random_uuid(), 'tenant.read')".into(), String::new()),
        (
            "SELECT * FROM shop.keys WHERE saas.has_tenant_permission(tenant_id, CASE WHEN random() < 2 THEN 'tenant.read' END)".into(),
            String::new(),
        ),
    ] {
        assert_eq!(condition(&mut request, &sql), expected, "{sql}");
        request.query(&sql, &[]).unwrap();
    }
    assert_eq!(
        one::<i64>(
            &mut request,
            "SELECT count(*) FROM shop.keys WHERE saas.has_tenant_permission(tenant_id, key)",
            &[]
        ),
        1
    );
    drop(request);

    // Who may check but not list gets a plan without the list, and no error; a kept plan follows the role.
    story
        .data
        .batch_execute("REVOKE EXECUTE ON FUNCTION saas.permitted_tenant_ids(text) FROM saas_app")
        .unwrap();
    let mut request = asking(&mut app, &acme.member, None);
    assert_eq!(condition(&mut request, "SELECT * FROM shop.documents"), "");
    assert_eq!(titles(&mut request), 40);
    drop(request);
    let mut superuser = story.db.superuser();
    superuser
        .batch_execute(&format!(
            "PREPARE own AS SELECT count(*) FROM shop.documents WHERE saas.has_tenant_permission(tenant_id, 'project.create');
             BEGIN; SELECT saas.begin_request_as('{}'); EXECUTE own; SET LOCAL ROLE saas_app; EXECUTE own",
            acme.member.id
        ))
        .unwrap();
    assert_eq!(one::<i64>(&mut superuser, "EXECUTE own", &[]), 40);
}

#[test]
fn a_permission_may_be_a_parameter() {
    let mut story = with_documents();
    let acme = &story.acme;
    story
        .data
        .batch_execute(
            "CREATE TABLE shop.free AS SELECT * FROM shop.documents; CREATE INDEX ON shop.free (tenant_id);
             GRANT SELECT ON shop.free TO saas_app",
        )
        .unwrap();
    let mut app = story.db.connect("saas_app");
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let mut request = asking(&mut app, &acme.member, None);
        request
            .batch_execute(&format!(
                "SET LOCAL plan_cache_mode = {mode}; SET LOCAL enable_seqscan = off;
                 PREPARE with_{mode} (text) AS SELECT count(*) FROM shop.free WHERE saas.has_tenant_permission(tenant_id, $1)"
            ))
            .unwrap();
        let plan = explain(&mut request, &format!("EXECUTE with_{mode} ('tenant.read')"));
        assert!(
            plan.contains("Index Cond: (tenant_id = ANY (saas.permitted_tenant_ids("),
            "{plan}"
        );
        for (key, rows) in [("tenant.read", 40), ("billing.view", 0), ("project.create", 40)] {
            let sql = format!("EXECUTE with_{mode} ('{key}')");
            assert_eq!(one::<i64>(&mut request, &sql, &[]), rows, "{key}");
        }
        for (key, error) in [("'nonsense'", "42704"), ("NULL", "23502")] {
            request.batch_execute("SAVEPOINT s").unwrap();
            let result = request.batch_execute(&format!("EXECUTE with_{mode} ({key})"));
            assert_sqlstate(result, error);
            request.batch_execute("ROLLBACK TO s").unwrap();
        }
    }
}

#[test]
fn a_kept_plan_serves_whoever_asks() {
    let mut story = with_documents();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let (both, stranger) = (story.both.clone(), story.stranger.clone());
    // Somebody in all sixty tenants, for whom the plan has another form.
    let everywhere = saas_core_tests::story::person(&mut story.data, "everywhere");
    story
        .data
        .execute(
            "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
             SELECT t.id, $1, r.id FROM saas.tenants t, saas.roles r WHERE r.key = 'tenant_member'",
            &[&everywhere.id],
        )
        .unwrap();
    let rows = [
        (&acme.member, None, 40),
        (&both, None, 80),
        (&both, Some(&globex), 40),
        (&stranger, None, 0),
        (&acme.guest, None, 0),
        (&everywhere, None, 2400),
        (&everywhere, Some(&acme), 40),
        (&acme.owner, Some(&acme), 40),
    ];
    // Planned first for nobody, for one with few, and for one with many tenants.
    for first in 0..3 {
        let mut app = story.db.connect("saas_app");
        app.batch_execute("SET plan_cache_mode = force_generic_plan").unwrap();
        let count = app.prepare("SELECT count(*) FROM shop.documents").unwrap();
        let last = app.prepare("SELECT id FROM shop.documents ORDER BY id DESC LIMIT 7").unwrap();
        match first {
            0 => {
                let none: i64 = app.query_one(&count, &[]).unwrap().get(0);
                assert_eq!(none, 0);
            }
            1 => drop(asking(&mut app, &both, None).query(&count, &[]).unwrap()),
            _ => {
                let mut request = asking(&mut app, &everywhere, None);
                request.query(&count, &[]).unwrap();
                let plan = condition(&mut request, "SELECT * FROM shop.documents");
                assert_eq!(
                    plan,
                    "Index Cond: (tenant_id = ANY ((saas.permitted_tenants('project.create'::text)).permitted_tenant_ids))"
                );
            }
        }
        for _ in 0..2 {
            for (person, bound, expected) in rows {
                let mut request = asking(&mut app, person, bound);
                let counted: i64 = request.query_one(&count, &[]).unwrap().get(0);
                assert_eq!(counted, expected, "{first} {person:?} {bound:?}");
                let rows = request.query(&last, &[]).unwrap();
                assert_eq!(rows.len() as i64, expected.min(7));
            }
        }
    }
}

/// The truth, whichever way the rows are found.
#[test]
fn every_plan_gives_the_same_rows() {
    let mut story = with_documents();
    let both = story.both.clone();
    let tenants: Vec<Uuid> =
        one(&mut story.data, "SELECT array_agg(id ORDER BY id) FROM saas.tenants", &[]);
    let version: i32 =
        one(&mut story.data, "SELECT current_setting('server_version_num')::int / 10000", &[]);
    let parallel = if version < 16 { "force_parallel_mode" } else { "debug_parallel_query" };
    let ways = [
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off",
        "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_seqscan = off",
        "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off",
        &format!("SET LOCAL {parallel} = on"),
        "SET LOCAL max_parallel_workers_per_gather = 4; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;
         SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL min_parallel_index_scan_size = 0",
        "SET LOCAL jit_above_cost = 0",
    ];
    story
        .data
        .batch_execute(
            "ALTER TABLE shop.documents SET (parallel_workers = 2);
             INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
             SELECT t.id, u.id, r.id FROM saas.tenants t, saas.users u, saas.roles r
              WHERE u.email LIKE 'stranger@%' AND r.key = 'tenant_owner'",
        )
        .unwrap();
    let mut app = story.db.connect("saas_app");
    for step in 0..12 {
        // In another tenant each time, or out of one; more than 32 at the end.
        let change = match step % 4 {
            3 => "DELETE FROM saas.tenant_members WHERE user_id = $1 AND tenant_id = (SELECT min(tenant_id::text)::uuid FROM saas.tenant_members WHERE user_id = $1)".to_owned(),
            _ => format!(
                "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
                 SELECT t.id, $1, r.id FROM unnest('{{{}}}'::uuid[]) t (id), saas.roles r WHERE r.key = 'tenant_{}' ON CONFLICT DO NOTHING",
                tenants[step..step * 5 + 1].iter().map(Uuid::to_string).collect::<Vec<_>>().join(","),
                ["member", "guest", "admin"][step % 3],
            ),
        };
        story.data.execute(&change, &[&both.id]).unwrap();
        let expected: i64 = one(
            &mut story.data,
            "SELECT count(*) FROM shop.documents d JOIN saas.tenant_members m ON m.tenant_id = d.tenant_id AND m.user_id = $1
               JOIN saas.role_permissions rp ON rp.role_id = m.role_id JOIN saas.permissions p ON p.id = rp.permission_id
              WHERE p.key = 'project.create'",
            &[&both.id],
        );
        for way in ways {
            let mut request = asking(&mut app, &both, None);
            request.batch_execute(way).unwrap();
            assert_eq!(titles(&mut request), expected, "{step}: {way}");
        }
    }
}

#[test]
fn an_open_cursor_sees_a_revocation() {
    let mut story = with_documents();
    let acme = story.acme.clone();
    for cursor in ["SELECT id FROM shop.documents", "SELECT id FROM shop.documents ORDER BY id"] {
        let mut app = story.db.connect("saas_app");
        let mut request = asking(&mut app, &acme.member, None);
        request
            .batch_execute(&format!(
                "SET LOCAL enable_seqscan = off; DECLARE c CURSOR FOR {cursor}"
            ))
            .unwrap();
        assert_eq!(request.query("FETCH 3 FROM c", &[]).unwrap().len(), 3, "{cursor}");
        story.remove(&acme, &acme.member);
        let more = request.query("FETCH 3 FROM c", &[]).unwrap();
        // What a sort has taken in before is out of reach.
        if !cursor.contains("ORDER") {
            assert!(more.is_empty(), "{cursor}");
        }
        join(&mut story.data, &acme, &acme.member, "tenant_member");
    }
}

#[test]
fn a_call_site_forgets_when_the_answer_may_change() {
    let mut story = with_documents();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    // One expression of PL/pgSQL is one call site for all of these.
    story
        .data
        .batch_execute(
            "CREATE FUNCTION public.ask(steps text[]) RETURNS text LANGUAGE plpgsql AS $$
             DECLARE step text; tenant uuid; key text; answers text := '';
             BEGIN
               FOREACH step IN ARRAY steps LOOP
                 IF step LIKE 'as %' THEN
                   PERFORM saas.begin_request_as(split_part(step, ' ', 2)::uuid, nullif(split_part(step, ' ', 3), '')::uuid);
                   CONTINUE;
                 ELSIF step LIKE 'do %' THEN
                   EXECUTE substr(step, 4);
                   CONTINUE;
                 END IF;
                 tenant := nullif(split_part(step, ' ', 1), '-')::uuid;
                 key := split_part(step, ' ', 2);
                 answers := answers || CASE WHEN saas.has_tenant_permission(tenant, key) THEN 't' ELSE 'f' END
                                    || CASE WHEN saas.has_system_permission(key) THEN 't' ELSE 'f' END || ' ';
               END LOOP;
               RETURN answers;
             END $$",
        )
        .unwrap();
    let (a, g) = (acme.id, globex.id);
    let steps = [
        format!("as {}", acme.member.id),
        format!("{a} project.create"),
        format!("{g} project.create"),
        format!("{a} billing.view"),
        format!("{a} project.create"),
        "- project.create".into(),
        format!("as {}", globex.member.id),
        format!("{a} project.create"),
        format!("{g} project.create"),
        format!("as {} {a}", story.both.id),
        format!("{a} project.create"),
        format!("{g} project.create"),
        format!("as {}", story.superadmin.id),
        format!("{a} tenant.read"),
        format!("{a} platform.tenant.read"),
        format!("as {}", acme.member.id),
        format!("{a} platform.tenant.read"),
        format!("{a} project.create"),
        format!("do DELETE FROM saas.tenant_members WHERE user_id = '{}'", acme.member.id),
        format!("{a} project.create"),
    ];
    story.data.batch_execute("BEGIN").unwrap();
    let answers: String = one(&mut story.data, "SELECT public.ask($1)", &[&steps.as_slice()]);
    assert_eq!(answers, "tf ff ff tf ff ff tf tf ff ft ft ff tf ff ");
    story.data.batch_execute("ROLLBACK").unwrap();

    // A context goes with its savepoint, and the memo with it; a permission that is packed or long.
    let mut app = story.db.connect("saas_app");
    let mut request = asking(&mut app, &acme.member, None);
    let may = |request: &mut postgres::Transaction<'_>| {
        one::<bool>(request, "SELECT saas.has_tenant_permission($1, 'project.create')", &[&a])
    };
    assert!(may(&mut request));
    request.batch_execute("SAVEPOINT s").unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&globex.member.token]);
    assert!(!may(&mut request));
    request.batch_execute("ROLLBACK TO s").unwrap();
    assert!(may(&mut request));
    drop(request);
    story
        .data
        .batch_execute(&format!(
            "CREATE TABLE public.keys (n int, t uuid, key text);
             INSERT INTO public.keys SELECT n, CASE WHEN n % 5 <> 0 THEN '{a}'::uuid END,
               CASE n % 3 WHEN 0 THEN 'project.create' WHEN 1 THEN 'billing.view' ELSE 'tenant.read' END
               FROM generate_series(1, 30) n;
             GRANT SELECT ON public.keys TO saas_app"
        ))
        .unwrap();
    let mut request = asking(&mut app, &acme.member, None);
    let wrong: i64 = one(
        &mut request,
        "SELECT count(*) FROM public.keys WHERE saas.has_tenant_permission(t, key) <> (t IS NOT NULL AND key <> 'billing.view')",
        &[],
    );
    assert_eq!(wrong, 0);
    drop(request);
    story
        .data
        .batch_execute("INSERT INTO public.keys VALUES (31, NULL, repeat('project.create', 10000))")
        .unwrap();
    for key in ["(SELECT key FROM public.keys WHERE n = 31)", "repeat('x', 3000)"] {
        let mut request = asking(&mut app, &acme.member, None);
        let sql =
            format!("SELECT saas.has_tenant_permission('{a}', {key}) FROM generate_series(1, 3)");
        assert_sqlstate(request.query(&sql, &[]), "42704");
    }
}

/// Messages name users one by one, up to a number.
#[test]
fn changes_of_many_users_at_once_reach_each() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let people: Vec<Person> = (0..70)
        .map(|n| saas_core_tests::story::person(&mut story.data, &format!("p{n}")))
        .collect();
    let mut app = story.db.kind("app");
    let may = |app: &mut Client, person: &Person, expected: bool| {
        let mut request = asking(app, person, None);
        let sql = "SELECT saas.has_tenant_permission($1, 'tenant.read')";
        assert_eq!(one::<bool>(&mut request, sql, &[&acme.id]), expected, "{person:?}");
        let ids: Vec<Uuid> =
            one(&mut request, "SELECT saas.permitted_tenant_ids('tenant.read')", &[]);
        assert_eq!(ids.len(), usize::from(expected));
    };
    for count in [1, 31, 33, 70] {
        for person in &people {
            may(&mut app, person, false);
        }
        let some = &people[..count];
        let mut change = story.data.transaction().unwrap();
        some.iter().for_each(|person| join(&mut change, &acme, person, "tenant_guest"));
        change.commit().unwrap();
        for (n, person) in people.iter().enumerate() {
            may(&mut app, person, n < count);
        }
        // In one statement.
        let ids: Vec<Uuid> = some.iter().map(|person| person.id).collect();
        let sql = "DELETE FROM saas.tenant_members WHERE user_id = ANY ($1)";
        assert_eq!(story.data.execute(sql, &[&ids]).unwrap() as usize, count);
    }
    // COPY and MERGE go by the same triggers.
    let role: Uuid =
        one(&mut story.data, "SELECT id FROM saas.roles WHERE key = 'tenant_guest'", &[]);
    let sql = "COPY saas.tenant_members (tenant_id, user_id, role_id) FROM STDIN";
    let mut copy = story.data.copy_in(sql).unwrap();
    for person in &people {
        use std::io::Write;
        writeln!(copy, "{}\t{}\t{role}", acme.id, person.id).unwrap();
    }
    copy.finish().unwrap();
    people.iter().for_each(|person| may(&mut app, person, true));
    let merge = format!(
        "MERGE INTO saas.tenant_members m USING (SELECT unnest($1::uuid[]) AS id) p ON m.user_id = p.id AND m.tenant_id = '{}'
         WHEN MATCHED THEN DELETE",
        acme.id
    );
    let ids: Vec<Uuid> = people.iter().map(|person| person.id).collect();
    story.data.execute(&merge, &[&ids]).unwrap();
    people.iter().for_each(|person| may(&mut app, person, false));
}

/// The same user and tenant, other rights: two databases of one server.
#[test]
fn databases_do_not_mix() {
    let (mut here, mut there) = (Story::new(), Story::new());
    let (person, id) = (here.stranger.clone(), Uuid::new_v4());
    let same = Tenant { id, ..here.acme.clone() };
    for story in [&mut here, &mut there] {
        let owner = story.acme.owner.clone();
        story
            .data
            .batch_execute(&format!(
                "INSERT INTO saas.users (id, email) VALUES ('{}', 'same@example.com') ON CONFLICT DO NOTHING;
                 INSERT INTO saas.tenants (id, name) VALUES ('{id}', 'same')",
                person.id
            ))
            .unwrap();
        join(&mut story.data, &same, &owner, "tenant_owner");
    }
    let mut sessions = [here.db.kind("gateway"), there.db.kind("gateway")];
    let may = |client: &mut Client| {
        let mut request = client.transaction().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request_as($1)", &[&person.id]);
        one::<bool>(&mut request, "SELECT saas.has_tenant_permission($1, 'tenant.read')", &[&id])
    };
    assert_eq!(sessions.each_mut().map(may), [false, false]);
    join(&mut here.data, &same, &person, "tenant_guest");
    assert_eq!(sessions.each_mut().map(may), [true, false]);
    join(&mut there.data, &same, &person, "tenant_guest");
    here.remove(&same, &person);
    assert_eq!(sessions.each_mut().map(may), [false, true]);
}

#[test]
fn inserts_are_checked_row_by_row() {
    let mut story = with_documents();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let third = tenant(&mut story.data, "third");
    let mut app = story.db.connect("saas_app");
    let mut request = asking(&mut app, &story.both, None);
    let insert = "INSERT INTO shop.documents (tenant_id, title)
                  SELECT CASE n % 3 WHEN 0 THEN $1::uuid WHEN 1 THEN $2::uuid ELSE $3::uuid END, 'new' FROM generate_series(1, 300) n";
    assert_eq!(request.execute(insert, &[&acme.id, &globex.id, &acme.id]).unwrap(), 300);
    request.batch_execute("SAVEPOINT s").unwrap();
    assert_sqlstate(request.execute(insert, &[&acme.id, &globex.id, &third.id]), "42501");
    request.batch_execute("ROLLBACK TO s").unwrap();
    let moved = "UPDATE shop.documents SET tenant_id = $1 WHERE tenant_id = $2 AND title = 'new'";
    assert_sqlstate(request.execute(moved, &[&third.id, &acme.id]), "42501");
}
