//! A random load, the same each time for a seed as far as sessions at once can be: single events, batches, reports, bulk loads,
//! retries and duplicates, late events, transactions that fail or are undone, limits, corrections; meanwhile counters are folded
//! and months are closed. Each session writes down what it knows to be committed; a recount of that is what was counted and billed.

mod books;
#[path = "year/dice.rs"]
mod dice;

use books::Books;
use dice::Dice;
use postgres::{Client, GenericClient};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const FEATURES: [&str; 3] = ["sum", "max", "last"];
const SESSIONS: usize = 6;
/// Of a limited feature, in a period.
const LIMIT: i64 = 40;

/// Seeds, steps of a session, events.
fn sizes() -> (std::ops::Range<u64>, usize, usize) {
    match std::env::var_os("SAAS_SLOW") {
        Some(_) => (1..6, 300, 12_000),
        None => (1..2, 70, 2_400),
    }
}

struct Event {
    tenant: usize,
    feature: usize,
    units: i64,
    id: Option<String>,
    /// Of fixed width, and no two at one time, so that a last one is the last.
    at: String,
    /// The one session that corrects it; void in the end, whoever says so: any of them.
    keeper: Option<usize>,
}

struct Load {
    seed: u64,
    tenants: Vec<Uuid>,
    events: Vec<Event>,
    steps: AtomicUsize,
    running: AtomicUsize,
}

/// What is done in one transaction.
enum Act {
    Single(usize),
    Batch(Vec<usize>),
    /// Refused whole, for what is wrong with one.
    Spoilt(Vec<usize>),
    Report(Vec<usize>, i64),
    Copy(Vec<usize>, i64),
    Correct(usize, Option<i64>),
    Consume(String, i64),
    GiveBack(String),
    /// Up to a savepoint.
    Undone(Vec<Act>),
}

impl Act {
    fn copies(&self) -> bool {
        match self {
            Act::Copy(..) => true,
            Act::Undone(acts) => acts.iter().any(Act::copies),
            _ => false,
        }
    }
}

/// What is known once that is committed.
enum Fact {
    Counted(usize),
    Corrected(usize, Option<i64>, bool),
    Refused(i64),
    Consumed(String, i64),
    GivenBack(String),
}

struct Session<'a> {
    number: usize,
    load: &'a Load,
    dice: Dice,
    queue: VecDeque<usize>,
    sent: Vec<usize>,
    /// What events count for that only this session corrects.
    counts_for: HashMap<usize, Option<i64>>,
    consumed: Vec<String>,
    facts: Vec<Fact>,
    retries: usize,
}

impl Event {
    fn draw(number: usize, dice: &mut Dice) -> Event {
        let (month, day) = (1 + dice.below(4), 1 + dice.below(28));
        let seconds = dice.below(86_400);
        let named = !dice.one_in(10);
        Event {
            tenant: dice.below(5) as usize,
            feature: dice.below(3) as usize,
            units: dice.below(30),
            id: named.then(|| format!("event {number}")),
            at: format!(
                "2026-{month:02}-{day:02} {:02}:{:02}:{:02}.{number:06}Z",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            ),
            keeper: (named && !dice.one_in(8)).then(|| dice.below(SESSIONS as i64) as usize),
        }
    }

    /// The first day of its period. The last two tenants' contracts began on 15 January.
    fn period(&self) -> String {
        let (month, day): (i32, i32) =
            (self.at[5..7].parse().unwrap(), self.at[8..10].parse().unwrap());
        match (self.tenant < 3, day < 15, month) {
            (true, ..) => format!("2026-{month:02}-01"),
            (_, false, _) => format!("2026-{month:02}-15"),
            (_, true, 1) => "2025-12-15".into(),
            (_, true, _) => format!("2026-{:02}-15", month - 1),
        }
    }
}

/// A row as it is sent; `None`: a NULL.
type Row = (Uuid, &'static str, i64, Option<String>, String);

impl Load {
    fn row(&self, event: usize) -> Row {
        let event = &self.events[event];
        (
            self.tenants[event.tenant],
            FEATURES[event.feature],
            event.units,
            event.id.clone(),
            event.at.clone(),
        )
    }

    /// One that can't be counted, and why.
    fn bad_row(&self, what: i64) -> (Row, &'static str) {
        let (tenant, at) = (self.tenants[0], "2026-01-01Z".to_string());
        match what % 5 {
            0 => ((tenant, "sums", 1, Some("bad".into()), at), "42704"),
            1 => ((tenant, "sum", -1, Some("bad".into()), at), "22023"),
            2 => ((Uuid::nil(), "sum", 1, Some("bad".into()), at), "23503"),
            3 => ((tenant, "sum", 1, Some("".into()), at), "22023"),
            _ => ((tenant, "sum", 1, None, "2999-01-01Z".into()), "22023"),
        }
    }

    /// The events with so many bad rows among them, and where these are.
    fn rows(&self, events: &[usize], bad: i64) -> (Vec<Row>, Vec<(i32, String)>) {
        let mut rows: Vec<Row> = events.iter().map(|event| self.row(*event)).collect();
        let mut places = Vec::new();
        for n in 0..bad {
            let ((row, sqlstate), at) =
                (self.bad_row(n + events[0] as i64), (n * 3).min(rows.len() as i64));
            rows.insert(at as usize, row);
            places.push((at as i32, sqlstate.to_string()));
        }
        (rows, places)
    }
}

const BATCH: &str = "saas.record_usage_batch($1, $2, $3, $4, $5::text[]::timestamptz[])";
const REPORT: &str = "saas.record_usage_batch_report($1, $2, $3, $4, $5::text[]::timestamptz[])";
const COPY: &str =
    "COPY saas.usage_ingest (tenant_id, feature_key, units, event_id, occurred_at) FROM STDIN";

fn arrays(
    client: &mut impl GenericClient,
    call: &str,
    rows: Vec<Row>,
) -> Result<Vec<postgres::Row>, postgres::Error> {
    let tenants: Vec<Uuid> = rows.iter().map(|row| row.0).collect();
    let features: Vec<&str> = rows.iter().map(|row| row.1).collect();
    let units: Vec<i64> = rows.iter().map(|row| row.2).collect();
    let ids: Vec<Option<&str>> = rows.iter().map(|row| row.3.as_deref()).collect();
    let times: Vec<&str> = rows.iter().map(|row| row.4.as_str()).collect();
    client.query(&format!("SELECT * FROM {call}"), &[&tenants, &features, &units, &ids, &times])
}

/// What a client repeats: somebody else was first, or it took too long.
fn passes(error: &postgres::Error) -> bool {
    matches!(error.code().map(|code| code.code()), Some("40001" | "40P01" | "57014"))
}

impl Session<'_> {
    fn take(&mut self, most: i64) -> Vec<usize> {
        let count = 1 + self.dice.below(most) as usize;
        let mut taken: Vec<usize> = self.queue.drain(..count.min(self.queue.len())).collect();
        // What was sent before is sent again; an id comes twice in a batch, too.
        for _ in 0..self.dice.below(1 + count as i64 / 3) {
            let (again, place) =
                (self.dice.below(self.sent.len() as i64), self.dice.below(taken.len() as i64 + 1));
            if let Some(event) =
                self.sent.get(again as usize).filter(|event| self.load.events[**event].id.is_some())
            {
                taken.insert(place as usize, *event);
            }
        }
        taken
    }

    fn draw(&mut self) -> Act {
        let act = self.dice.below(12);
        if act >= 9 {
            return self.draw_other(act);
        }
        let events = match act {
            0..3 => self.take(1),
            _ => self.take(40),
        };
        let bad = 1 + self.dice.below(4);
        match (act, events.as_slice()) {
            (_, []) => self.draw_other(9),
            (_, [event]) => Act::Single(*event),
            (3..5, _) => Act::Batch(events),
            (5, _) => Act::Spoilt(events),
            (6, _) => Act::Report(events, bad),
            _ => Act::Copy(events, bad),
        }
    }

    fn draw_other(&mut self, act: i64) -> Act {
        let number = self.dice.below(self.sent.len() as i64) as usize;
        match (act, self.sent.get(number)) {
            (9..11, Some(event)) if self.load.events[*event].id.is_some() => {
                match self.load.events[*event].keeper {
                    Some(keeper) if keeper == self.number => {
                        let event = *event;
                        let units = (!self.dice.one_in(3)).then(|| self.dice.below(30));
                        Act::Correct(event, units)
                    }
                    Some(_) => Act::Single(*event),
                    None => Act::Correct(*event, None),
                }
            }
            _ if !self.consumed.is_empty() && self.dice.one_in(3) => {
                let number = self.dice.below(self.consumed.len() as i64) as usize;
                Act::GiveBack(self.consumed[number].clone())
            }
            _ => {
                let units = 1 + self.dice.below(9);
                Act::Consume(
                    format!("consumed {} {}", self.number, self.dice.below(1 << 30)),
                    units,
                )
            }
        }
    }

    /// One transaction, as often as it takes.
    fn step(&mut self, client: &mut Client) {
        let several = if self.dice.one_in(4) { 2 + self.dice.below(3) } else { 1 };
        let mut acts: Vec<Act> = (0..several).map(|_| self.draw()).collect();
        if acts.len() > 2 && self.dice.one_in(2) {
            acts = vec![acts.remove(0), Act::Undone(acts)];
        }
        let commits = !self.dice.one_in(6);
        // This client loses count of the server's answers when a COPY ends before it has begun.
        let can_hurry = !acts.iter().any(Act::copies);
        let mut hurry = (can_hurry && self.dice.one_in(6)).then(|| 1 + self.dice.below(15));
        for attempt in 0.. {
            assert!(attempt < 200, "seed {}: this never ends", self.load.seed);
            let mut facts = Vec::new();
            let done = self.transact(client, &acts, commits, hurry.take(), &mut facts);
            match done {
                Ok(()) if commits => self.note(facts),
                Ok(()) => {}
                Err(error) if passes(&error) => {
                    self.retries += 1;
                    // The end of a transaction in a hurry may come too late as well.
                    while client.batch_execute("ROLLBACK").is_err() {}
                    continue;
                }
                Err(error) => panic!("seed {}: {error:?}", self.load.seed),
            }
            break;
        }
        // What was not counted comes again.
        let undone: Vec<usize> = acts.iter().flat_map(|act| self.left(act, commits)).collect();
        self.queue.extend(undone);
    }

    fn left(&self, act: &Act, commits: bool) -> Vec<usize> {
        let new = |event: &usize| !self.sent.contains(event);
        match act {
            Act::Single(event) if !commits => Some(*event).into_iter().filter(new).collect(),
            Act::Batch(events) | Act::Report(events, _) | Act::Copy(events, _) if !commits => {
                events.iter().copied().filter(new).collect()
            }
            Act::Spoilt(events) => events.iter().copied().filter(new).collect(),
            Act::Undone(acts) => acts.iter().flat_map(|act| self.left(act, false)).collect(),
            _ => Vec::new(),
        }
    }

    fn transact(
        &self,
        client: &mut Client,
        acts: &[Act],
        commits: bool,
        hurry: Option<i64>,
        facts: &mut Vec<Fact>,
    ) -> Result<(), postgres::Error> {
        let mut transaction = client.transaction()?;
        if let Some(milliseconds) = hurry {
            transaction.batch_execute(&format!("SET LOCAL statement_timeout = {milliseconds}"))?;
        }
        for act in acts {
            self.act(&mut transaction, act, facts)?;
        }
        if commits { transaction.commit() } else { transaction.rollback() }
    }

    fn act(
        &self,
        client: &mut postgres::Transaction<'_>,
        act: &Act,
        facts: &mut Vec<Fact>,
    ) -> Result<(), postgres::Error> {
        let load = self.load;
        match act {
            Act::Single(event) => {
                let (tenant, feature, units, id, at) = load.row(*event);
                let sql = "SELECT saas.record_usage($1, $2, $3, $4, $5::text::timestamptz)";
                client.query_one(sql, &[&tenant, &feature, &units, &id, &at])?;
                facts.push(Fact::Counted(*event));
            }
            Act::Batch(events) => {
                arrays(client, BATCH, load.rows(events, 0).0)?;
                facts.extend(events.iter().map(|event| Fact::Counted(*event)));
            }
            Act::Spoilt(events) => {
                let (rows, places) = load.rows(events, 1);
                let mut savepoint = client.savepoint("spoilt")?;
                match arrays(&mut savepoint, BATCH, rows) {
                    Err(error) if passes(&error) => return Err(error),
                    Err(error) => assert_eq!(
                        error.code().map(|code| code.code()),
                        Some(places[0].1.as_str()),
                        "{error:?}"
                    ),
                    Ok(_) => panic!("a bad event was counted"),
                }
                savepoint.rollback()?;
            }
            Act::Report(events, bad) => {
                let (rows, places) = load.rows(events, *bad);
                let told = arrays(client, REPORT, rows)?;
                let mut told: Vec<(i32, String)> =
                    told.iter().map(|row| (row.get(0), row.get(1))).collect();
                told.sort();
                assert_eq!(told, places, "seed {}", load.seed);
                facts.extend(events.iter().map(|event| Fact::Counted(*event)));
            }
            Act::Copy(events, bad) => {
                let lines: String = load
                    .rows(events, *bad)
                    .0
                    .into_iter()
                    .map(|(tenant, feature, units, id, at)| {
                        format!(
                            "{tenant}\t{feature}\t{units}\t{}\t{at}\n",
                            id.as_deref().unwrap_or("\\N")
                        )
                    })
                    .collect();
                let mut writer = client.copy_in(COPY)?;
                writer.write_all(lines.as_bytes()).unwrap();
                writer.finish()?;
                facts.push(Fact::Refused(*bad));
                facts.extend(events.iter().map(|event| Fact::Counted(*event)));
            }
            Act::Correct(event, units) => {
                let (tenant, _, _, id, _) = load.row(*event);
                let row = match units {
                    Some(units) => client.query_one(
                        "SELECT saas.correct_usage($1, $2, $3, 'told wrongly')",
                        &[&tenant, &id, units],
                    )?,
                    None => client.query_one(
                        "SELECT saas.void_usage($1, $2, 'never happened')",
                        &[&tenant, &id],
                    )?,
                };
                facts.push(Fact::Corrected(*event, *units, row.get(0)));
            }
            Act::Consume(id, units) => {
                let mut savepoint = client.savepoint("consuming")?;
                let consumed = savepoint.query_one(
                    "SELECT saas.consume($1, 'limited', $2, $3)",
                    &[&load.tenants[0], units, id],
                );
                match consumed {
                    Ok(row) => {
                        assert!(row.get::<_, bool>(0), "{id} is new");
                        savepoint.commit()?;
                        facts.push(Fact::Consumed(id.clone(), *units));
                    }
                    Err(error) if error.code().map(|code| code.code()) == Some("53400") => {
                        savepoint.rollback()?
                    }
                    Err(error) => return Err(error),
                }
            }
            Act::GiveBack(id) => {
                client.query_one(
                    "SELECT saas.void_usage($1, $2, 'it failed')",
                    &[&load.tenants[0], id],
                )?;
                facts.push(Fact::GivenBack(id.clone()));
            }
            Act::Undone(acts) => {
                let mut savepoint = client.savepoint("undone")?;
                for act in acts {
                    self.act(&mut savepoint, act, &mut Vec::new())?;
                }
                savepoint.rollback()?;
            }
        }
        Ok(())
    }

    /// It is committed.
    fn note(&mut self, facts: Vec<Fact>) {
        for fact in &facts {
            match fact {
                Fact::Counted(event) if !self.sent.contains(event) => self.sent.push(*event),
                Fact::Consumed(id, _) => self.consumed.push(id.clone()),
                Fact::Corrected(event, units, changed)
                    if self.load.events[*event].keeper.is_some() =>
                {
                    let before = self
                        .counts_for
                        .insert(*event, *units)
                        .unwrap_or(Some(self.load.events[*event].units));
                    assert_eq!(
                        *changed,
                        before != *units,
                        "seed {}: {before:?} to {units:?}",
                        self.load.seed
                    );
                }
                _ => {}
            }
        }
        self.facts.extend(facts);
    }
}

/// One fewer is at work, also if it fails.
struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What sum, max or last is of what counts.
fn adds_up(feature: usize, counting: &[(&str, i64)]) -> i64 {
    match FEATURES[feature] {
        "sum" => counting.iter().map(|(_, units)| units).sum(),
        "max" => counting.iter().map(|(_, units)| *units).max().unwrap_or(0),
        _ => counting.iter().max().map_or(0, |(_, units)| *units),
    }
}

/// What a period's units cost: of a sum 10 are included, the next 50 are 7 each, then 3; of a maximum 3 are, then 11; of a last value none, 2.
fn costs(feature: usize, units: i64) -> i64 {
    let beyond = |included: i64| (units - included).max(0);
    match FEATURES[feature] {
        "sum" => beyond(10).min(50) * 7 + beyond(60) * 3,
        "max" => beyond(3) * 11,
        _ => units * 2,
    }
}

fn play(seed: u64, steps: usize, events: usize) {
    let mut books = Books::new();
    // Transactions of several acts come in each other's way, and nobody should wait long to be told.
    let quick = format!("ALTER DATABASE {} SET deadlock_timeout = '20ms'", books.db.name());
    books.db.superuser().batch_execute(&quick).unwrap();
    let tiers = r#"{"model":"graduated","tiers":[{"up_to":50,"unit_amount":"7"},{"up_to":null,"unit_amount":"3"}]}"#;
    books.plan("months", "base_price", "0");
    books.plan("own", "base_price, billing_cycle", "0, 'anniversary'");
    for plan in ["months", "own"] {
        books.feature(plan, "sum", 10, Some(tiers));
        books.feature(plan, "limited", LIMIT, None);
        books.run(&format!(
            "INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price)
             SELECT id, f, f, i, p FROM saas.plans, (VALUES ('max', 3, 11), ('last', 0, 2)) AS f (f, i, p) WHERE key = '{plan}'"
        ));
    }
    let tenants = (0..5)
        .map(|n| books.subscribed(["months", "own"][n / 3], ["2026-01-01Z", "2026-01-15Z"][n / 3]))
        .collect();
    let mut dice = Dice::new(seed);
    let events: Vec<Event> = (0..events).map(|number| Event::draw(number, &mut dice)).collect();
    let load = Load {
        seed,
        tenants,
        events,
        steps: AtomicUsize::new(0),
        running: AtomicUsize::new(SESSIONS),
    };
    // Each event is sent by a session, every other one with an id by another one, too.
    let mut queues = vec![VecDeque::new(); SESSIONS];
    for (number, event) in load.events.iter().enumerate() {
        let first = event.keeper.unwrap_or_else(|| dice.below(SESSIONS as i64) as usize);
        queues[first].push_back(number);
        if event.id.is_some() && dice.one_in(2) {
            queues[(first + 1 + dice.below(SESSIONS as i64 - 1) as usize) % SESSIONS]
                .push_back(number);
        }
    }
    let sessions: Vec<Session> = thread::scope(|scope| {
        let load = &load;
        let sessions: Vec<_> = queues
            .into_iter()
            .enumerate()
            .map(|(number, queue)| {
                let mut client = books.db.connect("saas_worker");
                if number == 0 {
                    client
                        .batch_execute("SET default_transaction_isolation = 'repeatable read'")
                        .unwrap();
                }
                let dice = Dice::new(seed * 1000 + number as u64);
                scope.spawn(move || {
                    let _at_work = AtWork(&load.running);
                    let mut session = Session {
                        number,
                        load,
                        dice,
                        queue,
                        sent: Vec::new(),
                        counts_for: HashMap::new(),
                        consumed: Vec::new(),
                        facts: Vec::new(),
                        retries: 0,
                    };
                    for _ in 0..steps {
                        session.step(&mut client);
                        load.steps.fetch_add(1, Ordering::Relaxed);
                    }
                    session
                })
            })
            .collect();
        let mut folder = books.db.connect("saas_worker");
        scope.spawn(move || {
            let mut dice = Dice::new(seed * 1000 + 100);
            while load.running.load(Ordering::Relaxed) > 0 {
                let call =
                    ["roll_up_usage", "roll_up_usage", "assess_usage_fees"][dice.below(3) as usize];
                let sql = format!("SELECT saas.{call}('2026-0{}-01')", 1 + dice.below(5));
                if let Err(error) = folder.query(&sql, &[]) {
                    assert!(passes(&error), "seed {seed}: {sql}: {error:?}");
                }
            }
        });
        for _ in 0..2 {
            let mut closer = books.db.connect("saas_worker");
            scope.spawn(move || {
                for month in 1..4 {
                    while load.steps.load(Ordering::Relaxed) < SESSIONS * steps * month / 4
                        && load.running.load(Ordering::Relaxed) > 0
                    {
                        thread::sleep(Duration::from_millis(2));
                    }
                    while let Err(error) =
                        books::close(&mut closer, &format!("2026-0{month}-01"), 2)
                    {
                        assert!(passes(&error), "seed {seed}: {error:?}");
                    }
                }
            });
        }
        sessions.into_iter().map(|session| session.join().unwrap()).collect()
    });
    books.balanced();
    // Whatever is left is folded, and billed with April.
    books.close("2026-04-01");
    assert_eq!(books.count("saas.close_parked"), 0, "seed {seed}");
    recount(&mut books, &load, &sessions);
    books.balanced();
}

/// Tenant, feature, the first day of the period.
type Counter = (usize, usize, String);

/// From what the sessions know, without a look at any event in the database.
fn recount(books: &mut Books, load: &Load, sessions: &[Session]) {
    let seed = load.seed;
    let mut counts_for: BTreeMap<usize, Option<i64>> = BTreeMap::new();
    let (mut voided, mut refused, mut limited) =
        (BTreeMap::<usize, usize>::new(), 0, BTreeMap::new());
    let (mut corrections, mut given_back) = (0, 0);
    let facts = || sessions.iter().flat_map(|session| &session.facts);
    for fact in facts() {
        if let Fact::Counted(event) = fact {
            counts_for.insert(*event, Some(load.events[*event].units));
        }
    }
    for fact in facts() {
        match fact {
            Fact::Counted(_) => {}
            Fact::Corrected(event, units, changed) => {
                counts_for.insert(*event, *units);
                corrections += i64::from(*changed);
                if load.events[*event].keeper.is_none() {
                    *voided.entry(*event).or_default() += usize::from(*changed);
                }
            }
            Fact::Refused(count) => refused += count,
            Fact::Consumed(id, units) => {
                limited.insert(id.clone(), *units);
            }
            Fact::GivenBack(id) => {
                given_back += i64::from(limited.insert(id.clone(), 0) != Some(0))
            }
        }
    }
    assert!(
        voided.values().all(|changed| *changed == 1),
        "seed {seed}: void once each, {voided:?}"
    );
    let mut counters: BTreeMap<Counter, Vec<(&str, i64)>> = BTreeMap::new();
    for (event, units) in &counts_for {
        let event = &load.events[*event];
        let counter = counters.entry((event.tenant, event.feature, event.period())).or_default();
        counter.extend(units.map(|units| (event.at.as_str(), units)));
    }
    // Each counter; and of each period that is billed what was billed or adjusted, and for how much.
    let (mut wrong, mut charged) = (Vec::new(), BTreeMap::<usize, i64>::new());
    for ((tenant, feature, period), counting) in &counters {
        let (units, id, name) =
            (adds_up(*feature, counting), load.tenants[*tenant], FEATURES[*feature]);
        let is_billed = period != "2025-12-15";
        let amount = if is_billed { costs(*feature, units) } else { 0 };
        *charged.entry(*tenant).or_default() += amount;
        let sql = "
          SELECT (SELECT units FROM saas.usage_totals WHERE (tenant_id, feature_key, period) = ($1, $2, $3::text::date)),
                 coalesce((SELECT units_used FROM saas.usage_summaries WHERE (tenant_id, feature_key, period) = ($1, $2, $3::text::date)), 0)
                 + coalesce(sum(a.units), 0)::bigint,
                 coalesce((SELECT total_amount FROM saas.usage_fees WHERE (tenant_id, feature_key, period) = ($1, $2, $3::text::date)), 0)
                 + coalesce(sum(a.amount), 0)::bigint,
                 count(*) FILTER (WHERE a.id IS NOT NULL AND a.amount IS NULL)
            FROM (SELECT) one
            LEFT JOIN saas.usage_adjustments a ON (a.tenant_id, a.feature_key, a.period) = ($1, $2, $3::text::date)";
        let row = books.data.query_one(sql, &[&id, &name, period]).unwrap();
        let told: (Option<i64>, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        let wanted = (Some(units), if is_billed { units } else { told.1 }, amount, 0);
        if told != wanted {
            wrong.push(format!(
                "tenant {tenant}, {name} of {period}: {wanted:?}, but it is {told:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "seed {seed}: {} counters, of which wrong:\n{}",
        counters.len(),
        wrong.join("\n")
    );
    assert_eq!(
        books.count("saas.usage_totals WHERE feature_key <> 'limited'"),
        counters.len() as i64,
        "seed {seed}"
    );
    for (tenant, amount) in charged {
        let sql = "SELECT coalesce(sum(total_amount), 0)::bigint - saas.credit_balance($1) FROM saas.payment_invoices WHERE tenant_id = $1";
        assert_eq!(
            books.one::<i64>(sql, &[&load.tenants[tenant]]),
            amount,
            "seed {seed}, tenant {tenant}"
        );
    }
    // The limited feature, whose events are of now.
    let used: i64 = limited.values().sum();
    let sql = "SELECT coalesce(sum(units), 0)::bigint || ' ' || coalesce(max(units), 0) FROM saas.usage_totals WHERE feature_key = 'limited'";
    let told: String = books.one(sql, &[]);
    let (total, most) = told.split_once(' ').unwrap();
    assert_eq!(total, used.to_string(), "seed {seed}");
    assert!(most.parse::<i64>().unwrap() <= LIMIT, "seed {seed}: {told}");
    assert_eq!(books.count("saas.usage_refused"), refused, "seed {seed}");
    assert_eq!(books.count("saas.usage_corrections"), corrections + given_back, "seed {seed}");
    // It was a load.
    let adjusted = books.count("saas.usage_adjustments WHERE amount <> 0");
    let late = books.count("saas.usage_adjustments WHERE units < 0");
    let retries: usize = sessions.iter().map(|session| session.retries).sum();
    println!(
        "seed {seed}: {} events counted, {corrections} corrections, {given_back} given back, {refused} refused, {adjusted} adjustments ({late} negative), \
         {retries} retries, {used} of {LIMIT} used",
        counts_for.len()
    );
    for (what, count, least) in [
        ("events", counts_for.len() as i64, 1000),
        ("corrections", corrections, 20),
        ("refused rows", refused, 20),
        ("adjustments", adjusted, 10),
        ("negative adjustments", late, 1),
    ] {
        assert!(count >= least, "seed {seed}: {what} came up {count} times");
    }
}

#[test]
fn a_random_load_equals_a_recount() {
    let (seeds, steps, events) = sizes();
    for seed in seeds {
        play(seed, steps, events);
    }
}
