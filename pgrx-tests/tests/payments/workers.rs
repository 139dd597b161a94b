//! Several sessions process events, and one is stopped.

use crate::world::*;
use saas_core_tests::assert_sqlstate;

#[test]
fn two_workers_share_the_events() {
    let mut world = World::new();
    world.ingest(&intent("evt_1", "succeeded", 1, "cus_acme", "pi_1", "topup"));
    let mut other = world.db.kind("worker");
    let mut busy = world.worker.transaction().unwrap();
    assert_eq!(
        busy.query_one("SELECT saas.process_payment_events()", &[]).unwrap().get::<_, i32>(0),
        1
    );
    assert_eq!(process(&mut other).unwrap(), 0);
    busy.rollback().unwrap();
    assert_eq!(process(&mut other).unwrap(), 1);
    assert_eq!(world.balance(world.acme.id), 5000);
}

#[test]
fn who_holds_one_tenant_does_not_wait_for_another() {
    let mut world = World::new();
    let mut other = world.db.kind("worker");
    world.ingest(&intent("evt_1", "succeeded", 1, "cus_acme", "pi_1", "addon"));
    let mut one = world.worker.transaction().unwrap();
    let process = "SELECT saas.process_payment_events()";
    assert_eq!(one.query_one(process, &[]).unwrap().get::<_, i32>(0), 1);
    let late = intent("evt_3", "succeeded", 2, "cus_acme", "pi_3", "addon");
    ingest(&mut world.gateway, &intent("evt_2", "succeeded", 2, "cus_globex", "pi_2", "addon"))
        .unwrap();
    ingest(&mut world.gateway, &late).unwrap();
    other.batch_execute("SET statement_timeout = '5s'").unwrap();
    assert_eq!(other.query_one(process, &[]).unwrap().get::<_, i32>(0), 1);
    one.commit().unwrap();
    assert_eq!(world.fate(&late), "waiting");
    assert_eq!(world.one::<i32>("SELECT max(attempts) FROM saas.payment_events", &[]), 0);
    assert_eq!(world.process(), 1);
}

#[test]
fn max_events_is_a_limit() {
    let mut world = World::new();
    for i in 0..3 {
        world.ingest(&intent(
            &format!("evt_{i}"),
            "succeeded",
            i,
            "cus_acme",
            &format!("pi_{i}"),
            "addon",
        ));
    }
    let sql = "SELECT saas.process_payment_events($1)";
    assert_eq!(world.worker.query_one(sql, &[&2i32]).unwrap().get::<_, i32>(0), 2);
    assert_eq!(world.payment_status("pi_0"), "succeeded");
    assert_eq!(world.payment_status("pi_1"), "succeeded");
    assert_eq!(world.process(), 1);
    assert_sqlstate(world.worker.query_one(sql, &[&0i32]), "22023");
    assert_sqlstate(world.gateway.query_one(sql, &[&1i32]), "42501");
}

#[test]
fn a_timeout_undoes_the_batch_and_is_no_failure_of_an_event() {
    let mut world = World::new();
    let acme = world.acme.id;
    world.ingest(&intent("evt_1", "succeeded", 1, "cus_globex", "pi_1", "topup"));
    world.ingest(&subscription_event("evt_2", "updated", 1, "cus_acme", "past_due"));
    let mut blocker = world.db.owner();
    let mut lock = blocker.transaction().unwrap();
    lock.execute("SELECT FROM saas.tenant_subscriptions WHERE tenant_id = $1 FOR UPDATE", &[&acme])
        .unwrap();
    world.worker.batch_execute("SET statement_timeout = '300ms'").unwrap();
    assert_sqlstate(process(&mut world.worker), "57014");
    lock.rollback().unwrap();
    assert_eq!(world.balance(world.globex.id), 0);
    let attempts: i64 = world.one("SELECT sum(attempts) FROM saas.payment_events", &[]);
    assert_eq!(attempts, 0);
    world.worker.batch_execute("RESET statement_timeout").unwrap();
    assert_eq!(world.process(), 2);
}
