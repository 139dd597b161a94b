//! Requests that begin with somebody else's token: JSON Web Tokens, and claims of a proxy.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, one};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

const ISSUER: &str = "https://login.example.com";

fn signers() -> [(Algorithm, EncodingKey); 4] {
    [
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(include_bytes!("../../src/context/jwt/test_keys/ed25519.der")),
        ),
        (
            Algorithm::ES256,
            EncodingKey::from_ec_der(include_bytes!("../../src/context/jwt/test_keys/p256.der")),
        ),
        (
            Algorithm::RS256,
            EncodingKey::from_rsa_der(include_bytes!(
                "../../src/context/jwt/test_keys/rsa2048.der"
            )),
        ),
        (Algorithm::HS256, EncodingKey::from_secret(&[7; 32])),
    ]
}

fn jwks(names: &[&str]) -> Value {
    let keys: Vec<Value> = signers()
        .iter()
        .filter(|(algorithm, _)| names.contains(&&*format!("{algorithm:?}")))
        .map(|(algorithm, key)| {
            let jwk = Jwk::from_encoding_key(key, *algorithm).unwrap();
            let mut jwk = serde_json::to_value(jwk).unwrap();
            jwk["kid"] = format!("{algorithm:?}").into();
            jwk
        })
        .collect();
    json!({ "keys": keys })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token(name: &str, claims: Value) -> String {
    let mut all = json!({"iss": ISSUER, "exp": now() + 600});
    for (key, value) in claims.as_object().unwrap() {
        all[key] = value.clone();
    }
    let (algorithm, key) = signers().into_iter().find(|(a, _)| format!("{a:?}") == name).unwrap();
    let header = Header { kid: Some(name.into()), ..Header::new(algorithm) };
    encode(&header, &all, &key).unwrap()
}

/// A story in which the issuer's four keys are known, and Acme's owner is its subject "owner".
fn story() -> Story {
    let mut story = Story::new();
    import(&mut story.data, &jwks(&["EdDSA", "ES256", "RS256", "HS256"]), None, false);
    link(&mut story.data, &story.acme.owner.clone(), "owner");
    story
}

fn import(data: &mut Client, set: &Value, audience: Option<&str>, creates: bool) -> i64 {
    let sql = "SELECT saas.import_jwks($1, $2::text::jsonb, $3, $4)";
    one(data, sql, &[&ISSUER, &set.to_string(), &audience, &creates])
}

fn link(data: &mut Client, person: &Person, subject: &str) {
    data.execute("SELECT saas.link_account($1, $2, $3)", &[&person.id, &ISSUER, &subject]).unwrap();
}

fn begin(client: &mut Client, token: &str, tenant: Option<Uuid>) -> Result<Uuid, postgres::Error> {
    let mut transaction = client.transaction()?;
    let row = transaction.query_one("SELECT saas.begin_request_jwt($1, $2)", &[&token, &tenant])?;
    let user: Uuid = row.get(0);
    let current: Option<Uuid> = transaction.query_one("SELECT saas.current_user_id()", &[])?.get(0);
    assert_eq!(current, Some(user));
    transaction.commit()?;
    Ok(user)
}

#[test]
fn each_algorithm_begins_a_request() {
    let mut story = story();
    let mut app = story.db.kind("app");
    for name in ["EdDSA", "ES256", "RS256", "HS256"] {
        let token = token(name, json!({"sub": "owner"}));
        assert_eq!(begin(&mut app, &token, None).unwrap(), story.acme.owner.id);
        assert_eq!(begin(&mut app, &token, Some(story.acme.id)).unwrap(), story.acme.owner.id);
        assert_sqlstate(begin(&mut app, &token, Some(story.globex.id)), "42501");
        assert_sqlstate(begin(&mut app, &token, Some(Uuid::new_v4())), "42501");
        // Its last character but one, which is all of it significant.
        let mut forged = token.clone();
        let place = forged.len() - 2;
        let other = if forged.as_bytes()[place] == b'A' { "B" } else { "A" };
        forged.replace_range(place..=place, other);
        assert_sqlstate(begin(&mut app, &forged, None), "28000");
    }
    // After a refusal nobody is asking, whoever asked before.
    let mut transaction = app.transaction().unwrap();
    transaction.execute("SELECT saas.begin_request($1)", &[&story.acme.owner.token]).unwrap();
    let mut inner = transaction.savepoint("s").unwrap();
    assert_sqlstate(inner.execute("SELECT saas.begin_request_jwt('x')", &[]), "28000");
    inner.rollback().unwrap();
    drop(transaction);
    // Suspended tenants and deleted users are refused.
    let data = &mut story.data;
    data.execute("UPDATE saas.tenants SET suspended_at = now() WHERE id = $1", &[&story.acme.id])
        .unwrap();
    let token = token("EdDSA", json!({"sub": "owner"}));
    assert_sqlstate(begin(&mut app, &token, Some(story.acme.id)), "42501");
    data.execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&story.acme.owner.id])
        .unwrap();
    assert_sqlstate(begin(&mut app, &token, None), "28000");
}

#[test]
fn what_is_no_token_is_refused() {
    let story = story();
    let mut app = story.db.kind("app");
    let good = token("HS256", json!({"sub": "owner"}));
    let parts: Vec<&str> = good.split('.').collect();
    let none = "eyJhbGciOiJub25lIn0";
    let long = format!("{}.{}.{}", parts[0], "A".repeat(20_000), parts[2]);
    for garbage in [
        "",
        "x",
        "a.b.c",
        "..",
        &format!("{none}.{}.", parts[1]),
        &format!("{}.{}.", parts[0], parts[1]),
        &format!("{good}."),
        &format!("{good}.{good}"),
        &format!(" {good}"),
        &format!("Bearer {good}"),
        &long,
        &"{".repeat(10_000),
    ] {
        assert_sqlstate(begin(&mut app, garbage, None), "28000");
    }
    assert_sqlstate(app.execute("SELECT saas.begin_request_jwt(NULL)", &[]), "28000");
    for claims in [
        json!({"sub": "owner", "exp": now() - 1}),
        json!({"sub": "owner", "exp": null}),
        json!({"sub": "owner", "nbf": now() + 120}),
        json!({"sub": "owner", "iss": "https://elsewhere.example.com"}),
        json!({"sub": "somebody"}),
        json!({"sub": null}),
        json!({"sub": "OWNER"}),
        json!({}),
    ] {
        assert_sqlstate(begin(&mut app, &token("HS256", claims), None), "28000");
    }
    // The public key as a shared secret, in the form it is kept in.
    let public = jwks(&["EdDSA"])["keys"][0].clone();
    for name in ["EdDSA", "HS256"] {
        let header = Header { kid: Some(name.into()), ..Header::new(Algorithm::HS256) };
        let claims = json!({"iss": ISSUER, "sub": "owner", "exp": now() + 600});
        let forged =
            encode(&header, &claims, &EncodingKey::from_secret(public.to_string().as_bytes()));
        assert_sqlstate(begin(&mut app, &forged.unwrap(), None), "28000");
    }
    // What was refused leaves no trace of anybody.
    assert_eq!(begin(&mut app, &good, None).unwrap(), story.acme.owner.id);
}

#[test]
fn keys_rotate_and_name_their_audience() {
    let mut story = story();
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    let old = token("EdDSA", json!({"sub": "owner", "aud": ["shop", "blog"]}));
    let new = token("ES256", json!({"sub": "owner", "aud": "shop"}));
    // Both for a while, then the new one only.
    assert_eq!(import(&mut story.data, &jwks(&["EdDSA", "ES256"]), Some("shop"), false), 2);
    assert!(begin(&mut app, &old, None).is_ok() && begin(&mut app, &new, None).is_ok());
    assert_sqlstate(begin(&mut app, &token("RS256", json!({"sub": "owner"})), None), "28000");
    assert_sqlstate(begin(&mut app, &token("ES256", json!({"sub": "owner"})), None), "28000");
    assert_sqlstate(
        begin(&mut app, &token("ES256", json!({"sub": "owner", "aud": "blog"})), None),
        "28000",
    );
    assert_eq!(import(&mut story.data, &jwks(&["ES256"]), Some("shop"), false), 1);
    assert_sqlstate(begin(&mut app, &old, None), "28000");
    assert!(begin(&mut app, &new, None).is_ok());
    // Without a kid the issuer's only key is meant.
    let claims = json!({"iss": ISSUER, "sub": "owner", "aud": "shop", "exp": now() + 600});
    let (algorithm, key) = &signers()[1];
    let unnamed = encode(&Header::new(*algorithm), &claims, key).unwrap();
    assert!(begin(&mut app, &unnamed, None).is_ok());
    // The platform's administrators import keys, and nobody else; nothing of a wrong set is taken.
    let sql = "SELECT saas.import_jwks($1, $2::text::jsonb)";
    let set = jwks(&["RS256"]).to_string();
    assert_sqlstate(admin.execute(sql, &[&ISSUER, &set]), "28000");
    for (person, allowed) in [(&story.superadmin, true), (&story.platform_admin, false)] {
        let mut transaction = admin.transaction().unwrap();
        transaction.execute("SELECT saas.begin_request($1)", &[&person.token]).unwrap();
        let result = transaction.execute(sql, &[&"https://other.example.com", &set]);
        if allowed {
            result.unwrap();
        } else {
            assert_sqlstate(result, "42501");
        }
    }
    for wrong in [
        r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "A", "d": "A"}]}"#,
        "[]",
        "{}",
        "null",
    ] {
        assert_sqlstate(story.data.execute(sql, &[&ISSUER, &wrong]), "22023");
    }
    assert_sqlstate(story.data.execute("SELECT saas.import_jwks(NULL, '{}')", &[]), "23502");
    assert!(begin(&mut app, &new, None).is_ok());
    // The log names the keys and hides them.
    let shown: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.platform_audit_logs WHERE action LIKE 'jwt_keys.%' AND new_values ->> 'key' <> '***'",
        &[],
    );
    assert_eq!(shown, 0);
}

#[test]
fn a_request_ends_with_its_token() {
    let story = story();
    let mut app = story.db.kind("app");
    let token = token("HS256", json!({"sub": "owner", "exp": now() + 2}));
    let mut transaction = app.transaction().unwrap();
    transaction.execute("SELECT saas.begin_request_jwt($1)", &[&token]).unwrap();
    let current = "SELECT saas.current_user_id()";
    assert!(transaction.query_one(current, &[]).unwrap().get::<_, Option<Uuid>>(0).is_some());
    transaction.execute("SELECT pg_sleep(3)", &[]).unwrap();
    assert!(transaction.query_one(current, &[]).unwrap().get::<_, Option<Uuid>>(0).is_none());
}

#[test]
fn who_is_new_becomes_a_user_if_the_issuer_may() {
    let mut story = story();
    let mut app = story.db.kind("app");
    let first = token("EdDSA", json!({"sub": "new", "email": "new@example.com", "name": "New"}));
    assert_sqlstate(begin(&mut app, &first, None), "28000");
    import(&mut story.data, &jwks(&["EdDSA"]), None, true);
    // Eight first requests at once make one user.
    let users: Vec<Uuid> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let mut app = story.db.connect("saas_app");
                let first = &first;
                scope.spawn(move || begin(&mut app, first, None).unwrap())
            })
            .collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    assert!(users.iter().all(|user| *user == users[0]));
    let found: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.users u JOIN saas.accounts a ON a.user_id = u.id
          WHERE u.email = 'new@example.com' AND u.name = 'New' AND a.account_id = 'new'",
        &[],
    );
    assert_eq!(found, 1);
    // Nobody takes a user over by calling himself by his address, whatever its case.
    let email: String = one(
        &mut story.data,
        "SELECT upper(email) FROM saas.users WHERE id = $1",
        &[&story.both.id],
    );
    for claims in [
        json!({"sub": "thief", "email": email}),
        json!({"sub": "thief"}),
        json!({"sub": "thief", "email": "thief@example.com", "email_verified": false}),
    ] {
        assert_sqlstate(begin(&mut app, &token("EdDSA", claims), None), "28000");
    }
    assert_sqlstate(
        begin(&mut app, &token("EdDSA", json!({"sub": "odd", "email": "no address"})), None),
        "23514",
    );
    // A deleted user does not come back with another address.
    story
        .data
        .execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&users[0]])
        .unwrap();
    let again = token("EdDSA", json!({"sub": "new", "email": "other@example.com"}));
    assert_sqlstate(begin(&mut app, &again, None), "28000");
    let sql = "SELECT count(*) FROM saas.users WHERE email = 'other@example.com'";
    assert_eq!(one::<i64>(&mut story.data, sql, &[]), 0);
}

#[test]
fn accounts_are_linked_by_gateways() {
    let story = story();
    let mut gateway = story.db.kind("gateway");
    let mut app = story.db.kind("app");
    let sql = "SELECT saas.link_account($1, $2, $3)";
    let id: Uuid = one(&mut gateway, sql, &[&story.both.id, &ISSUER, &"both"]);
    assert_eq!(one::<Uuid>(&mut gateway, sql, &[&story.both.id, &ISSUER, &"both"]), id);
    assert_sqlstate(gateway.execute(sql, &[&story.stranger.id, &ISSUER, &"both"]), "23505");
    assert_sqlstate(gateway.execute(sql, &[&Uuid::new_v4(), &ISSUER, &"x"]), "23503");
    assert_sqlstate(app.execute(sql, &[&story.stranger.id, &ISSUER, &"x"]), "42501");
    let token = token("EdDSA", json!({"sub": "both"}));
    assert_eq!(begin(&mut app, &token, None).unwrap(), story.both.id);
    let unlink = "SELECT saas.unlink_account($1, $2)";
    assert!(one::<bool>(&mut gateway, unlink, &[&ISSUER, &"both"]));
    assert!(!one::<bool>(&mut gateway, unlink, &[&ISSUER, &"both"]));
    assert_sqlstate(begin(&mut app, &token, None), "28000");
}

#[test]
fn claims_without_a_signature_are_off_by_default() {
    let mut story = story();
    let mut app = story.db.kind("app");
    let begin = |app: &mut Client, claims: &str| -> Result<Option<Uuid>, postgres::Error> {
        let mut transaction = app.transaction()?;
        transaction.execute("SELECT set_config('request.jwt.claims', $1, true)", &[&claims])?;
        Ok(transaction.query_one("SELECT saas.begin_request_claims()", &[])?.get(0))
    };
    let good = json!({"iss": ISSUER, "sub": "owner", "exp": now() + 60}).to_string();
    assert_sqlstate(begin(&mut app, &good), "42501");
    story.data.execute("UPDATE saas.settings SET request_claims_issuer = $1", &[&ISSUER]).unwrap();
    assert_eq!(begin(&mut app, &good).unwrap(), Some(story.acme.owner.id));
    let unnamed = json!({"sub": "owner", "exp": now() + 60}).to_string();
    assert_eq!(begin(&mut app, &unnamed).unwrap(), Some(story.acme.owner.id));
    for nobody in ["", "{}", r#"{"role": "anon"}"#] {
        assert_eq!(begin(&mut app, nobody).unwrap(), None);
    }
    for wrong in [
        "x".into(),
        "[]".into(),
        json!({"sub": 1}).to_string(),
        json!({"sub": "owner"}).to_string(),
        json!({"sub": "owner", "exp": now() - 1}).to_string(),
        json!({"sub": "nobody", "exp": now() + 60}).to_string(),
        json!({"iss": "x", "sub": "owner", "exp": now() + 60}).to_string(),
    ] {
        assert_sqlstate(begin(&mut app, &wrong), "28000");
    }
}
