//! What is sold, and what becomes of a contract: plans, changes, cancellations, pauses.

#[allow(unused)] // of the module that tests of billing share
mod books;

use books::Books;
use saas_core_tests::story::one;
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

/// Eight sessions define one plan at once, in two ways: each definition is one version, one is current, nobody fails.
#[test]
fn definers_at_once_agree() {
    let mut books = Books::new();
    for round in 0..5 {
        let barrier = Barrier::new(8);
        let ids: Vec<Uuid> = thread::scope(|scope| {
            let definers: Vec<_> = (0..8)
                .map(|_| {
                    let mut owner = books.db.owner();
                    let barrier = &barrier;
                    scope.spawn(move || {
                        let definition = serde_json::json!({
                            "key": format!("plan {round}"), "base_price": 1000,
                            "features": [{"feature_key": format!("meter {round}"), "overage_price": "5"}],
                        });
                        barrier.wait();
                        one(&mut owner, "SELECT saas.define_plan($1)", &[&definition])
                    })
                })
                .collect();
            definers.into_iter().map(|definer| definer.join().unwrap()).collect()
        });
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1);
    }
    assert_eq!(books.count("saas.plans WHERE key LIKE 'plan %' AND version = 1 AND is_current"), 5);
    assert_eq!(books.count("saas.plan_features WHERE feature_key LIKE 'meter %'"), 5);
    // What a rolled back definer had in mind is nobody's.
    let mut other = books.db.owner();
    let mut undone = other.transaction().unwrap();
    undone
        .batch_execute(r#"SELECT saas.define_plan('{"key": "plan 0", "base_price": 1}')"#)
        .unwrap();
    undone.rollback().unwrap();
    assert_eq!(books.count("saas.plans WHERE key = 'plan 0'"), 1);
    // Definers don't stop those who subscribe meanwhile.
    let mut defining = other.transaction().unwrap();
    defining
        .batch_execute(r#"SELECT saas.define_plan('{"key": "plan 0", "base_price": 1}')"#)
        .unwrap();
    books.run("SET lock_timeout = '5s'");
    let tenant = books.tenant("Acme");
    books.subscribe(tenant, "plan 0", 1, "2026-01-01Z", None);
    defining.commit().unwrap();
    assert_eq!(books.bill(tenant, "2026-01-01"), "subscription 1000 = 1000");
    books.balanced();
}
