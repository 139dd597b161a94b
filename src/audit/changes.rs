//! What a statement changed on a platform table, as audit rows.
//!
//! `saas.audit_changes` is a statement trigger with transition tables: the rows are written by one
//! INSERT … SELECT, in the statement that changed them, so that no savepoint can part the two.
//! Its arguments are the table's name and the columns of its primary key; Citus renames tables, so
//! the catalogs don't tell.

use super::stated_reason;
use crate::context::from_uuid;
use crate::context::setting;
use crate::error::{Error, Result};
use crate::iam::epoch;
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, quote_identifier, quote_literal};
use pgrx::{PgRelation, trigger_fired_by_delete, trigger_fired_by_insert, trigger_fired_by_update};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// What must never be read from a log, beside personal data that erasure removes: nobody can erase
/// a log. `key` is a secret where it is a key's bytes.
pub const SECRETS: &[&str] = &[
    "token_hash",
    "key_hash",
    "password_hash",
    "access_token",
    "refresh_token",
    "id_token",
    "jwt_keys.key",
    "webhook_secrets.secret",
];
/// Columns that say why, in the row itself. The first are of the change, the last of the whole row.
const REASONS_OF_A_CHANGE: &[&str] = &["revoke_reason", "status_reason", "decision"];
const REASON: &str = "reason";
/// Changes of these are no news: they follow from others, or only say that something was used.
const NOISE: &[&str] =
    &["updated_at", "last_used_at", "last_number", "last_credit_note", "redeemed"];

/// What a trigger writes, as long as no relation has changed: its table may have other columns then, and what is masked of
/// them is a table too (`trg_permissions_changed` on the registry).
struct Statement {
    made_at: u64,
    table: String,
    action: String,
    text: String,
    plan: Option<Rc<OwnedPreparedStatement>>,
}

thread_local! {
    // By the trigger's oid, and whether there is a session to look up. A plan knows the rows of the table that it was made for.
    static STATEMENTS: RefCell<HashMap<(pg_sys::Oid, bool), Statement>> = RefCell::default();
}

#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_saas_audit_changes() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// # Safety
/// For PostgreSQL to call, as a trigger.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn saas_audit_changes(
    call: pg_sys::FunctionCallInfo,
) -> pg_sys::Datum {
    // SAFETY: `call` is PostgreSQL's, and its context is looked at before it is taken for a trigger's.
    let written = unsafe {
        if pgrx::called_as_trigger(call) {
            write((*call).context.cast())
        } else {
            Err(Error::Invalid("saas.audit_changes is a trigger function".into()))
        }
    };
    written.map_err(ErrorReport::from).unwrap_or_report();
    pg_sys::Datum::null()
}

/// # Safety
/// `trigger` is what PostgreSQL calls the trigger with.
unsafe fn write(trigger: *mut pg_sys::TriggerData) -> Result<()> {
    // SAFETY: see above; what is looked at is copied before anything runs.
    let context = setting::current();
    let has_session = context.is_some_and(|context| context.session.is_some());
    let key = (unsafe { (*(*trigger).tg_trigger).tgoid }, has_session);
    let made_at = epoch::relations();
    let is_known = STATEMENTS.with_borrow(|statements| {
        statements.get(&key).is_some_and(|known| known.made_at == made_at)
    });
    if !is_known {
        // SAFETY: as above.
        let made = unsafe { statement_of(trigger, made_at, has_session)? };
        STATEMENTS.with_borrow_mut(|statements| {
            // One that says the same goes on with its plan.
            let plan = statements
                .remove(&key)
                .filter(|known| known.text == made.text)
                .and_then(|known| known.plan);
            statements.insert(key, Statement { plan, ..made });
        });
    }
    let (table, action) = STATEMENTS.with_borrow(|statements| {
        statements
            .get(&key)
            .map(|known| (known.table.clone(), known.action.clone()))
            .unwrap_or_default()
    });
    let actor_type = match context {
        None => "database_role",
        Some(context) if context.role.is_some() => "api_key",
        Some(_) => "user",
    };
    let args: [DatumWithOid<'_>; 9] = [
        actor_type.into(),
        context.map(|context| from_uuid(context.actor.unwrap_or(context.user))).into(),
        context.and_then(|context| context.actor.and(Some(from_uuid(context.user)))).into(),
        context.and_then(|context| context.impersonation).map(from_uuid).into(),
        context.and_then(|context| context.session).map(from_uuid).into(),
        context.and_then(|context| context.request).map(from_uuid).into(),
        action.into(),
        table.into(),
        stated_reason().into(),
    ];
    as_data_owner(|| {
        super::in_utc();
        Spi::connect_mut(|client| {
            // SAFETY: makes old_rows and new_rows visible for as long as this connection to SPI.
            let status = unsafe { pg_sys::SPI_register_trigger_data(trigger) };
            Spi::check_status(status)?;
            let (known, text) = STATEMENTS.with_borrow(|statements| {
                statements
                    .get(&key)
                    .map(|known| (known.plan.clone(), known.text.clone()))
                    .unwrap_or_default()
            });
            let plan = match known {
                Some(plan) => plan,
                None => {
                    let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
                    let plan = Rc::new(client.prepare(text.as_str(), &types)?.keep());
                    STATEMENTS.with_borrow_mut(|statements| {
                        if let Some(known) = statements.get_mut(&key) {
                            known.plan = Some(Rc::clone(&plan));
                        }
                    });
                    plan
                }
            };
            client.update(&*plan, None, &args)?;
            Ok(())
        })
    })
}

/// # Safety
/// `trigger` is what PostgreSQL calls the trigger with.
unsafe fn statement_of(
    trigger: *mut pg_sys::TriggerData,
    made_at: u64,
    has_session: bool,
) -> Result<Statement> {
    // SAFETY: see above; names and columns are copied.
    unsafe {
        let operation = Operation::of((*trigger).tg_event);
        let (table, keys) = arguments((*trigger).tg_trigger)?;
        let relation = PgRelation::from_pg((*trigger).tg_relation);
        let facts = if has_session { FACTS } else { FACTS_WITHOUT_SESSION };
        let text = statement(operation, facts, &table, &keys, &columns(&relation, &table)?);
        let action = format!("{table}.{}", operation.name());
        Ok(Statement { made_at, table, action, text, plan: None })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Insert,
    Update,
    Delete,
    Truncate,
}

impl Operation {
    fn of(event: pg_sys::TriggerEvent) -> Operation {
        if trigger_fired_by_insert(event) {
            Operation::Insert
        } else if trigger_fired_by_update(event) {
            Operation::Update
        } else if trigger_fired_by_delete(event) {
            Operation::Delete
        } else {
            Operation::Truncate
        }
    }

    fn name(self) -> &'static str {
        match self {
            Operation::Insert => "insert",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Truncate => "truncate",
        }
    }
}

/// The table's name, and its key.
///
/// # Safety
/// `trigger` is a valid trigger.
unsafe fn arguments(trigger: *const pg_sys::Trigger) -> Result<(String, Vec<String>)> {
    // SAFETY: tgargs has tgnargs NUL-terminated strings.
    let mut arguments = unsafe {
        (0..(*trigger).tgnargs as usize)
            .map(|i| CStr::from_ptr(*(*trigger).tgargs.add(i)).to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    if arguments.len() < 2 {
        return Err(Error::Invalid(
            "saas.audit_changes needs the table and its key columns".into(),
        ));
    }
    let keys = arguments.split_off(1);
    Ok((arguments.remove(0), keys))
}

struct Column {
    name: String,
    /// Computed when it is read (PostgreSQL 18): a trigger sees NULL.
    is_virtual: bool,
    masked: bool,
}

fn columns(relation: &PgRelation, table: &str) -> Result<Vec<Column>> {
    let personal = as_data_owner(|| {
        sql::read_rows(
            "SELECT column_name FROM saas.personal_data_registry WHERE table_name = $1 AND on_erasure <> 'keep'",
            &[table.into()],
            |row| Ok(row.get::<String>(1)?),
        )
    })?;
    let is_secret = |name: &str| {
        SECRETS.iter().any(|secret| match secret.split_once('.') {
            Some((of, secret)) => of == table && name == secret,
            None => *secret == name,
        })
    };
    let descriptor = relation.tuple_desc();
    let columns = descriptor.iter().filter(|column| !column.attisdropped).map(|column| Column {
        name: column.name().to_owned(),
        is_virtual: column.attgenerated as u8 == b'v',
        // The ids of users name nobody any more once the user is erased.
        masked: is_secret(column.name())
            || column.atttypid != pg_sys::UUIDOID
                && personal.iter().flatten().any(|name| name == column.name()),
    });
    Ok(columns.collect())
}

/// The INSERT … SELECT for this operation on a table with these columns.
fn statement(
    operation: Operation,
    facts: &str,
    table: &str,
    keys: &[String],
    columns: &[Column],
) -> String {
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    // A column of the changed row, whichever of its two versions there is.
    let value = |name: &str| {
        let name = quote_identifier(name);
        match operation {
            Operation::Insert => format!("n.{name}"),
            Operation::Delete => format!("o.{name}"),
            _ => format!("coalesce(n.{name}, o.{name})"),
        }
    };
    let tenant = match table {
        "tenants" => value("id"),
        _ if has("tenant_id") => value("tenant_id"),
        _ => "NULL".into(),
    };
    let target = keys
        .iter()
        .filter(|key| keys.len() == 1 || *key != "tenant_id")
        .map(|key| format!("{}::text", value(key)))
        .collect::<Vec<_>>()
        .join(" || '/' || ");
    let mut reasons: Vec<_> = REASONS_OF_A_CHANGE
        .iter()
        .filter(|name| has(name))
        .map(|name| match operation {
            Operation::Update => format!("nullif(n.{name}, o.{name})"),
            _ => value(name),
        })
        .collect();
    reasons.extend(has(REASON).then(|| value(REASON)));
    reasons.push("NULL".into());

    let without_virtual = without_virtual(columns);
    let mask = mask(columns);
    let whole = |row: &str| format!("(to_jsonb({row}){mask}){without_virtual}");
    let (old, new, source) = match operation {
        Operation::Insert => ("NULL".into(), whole("n"), "FROM new_rows n".into()),
        Operation::Delete => (whole("o"), "NULL".into(), "FROM old_rows o".into()),
        Operation::Update => {
            // Compared as stored, which works for every type and shows every difference.
            let same: Vec<_> = columns
                .iter()
                .map(|column| {
                    let (name, text) =
                        (quote_identifier(&column.name), quote_literal(&column.name));
                    if column.is_virtual || NOISE.contains(&&*column.name) {
                        return text;
                    }
                    format!(
                        "CASE WHEN record_image_eq(ROW(o.{name}), ROW(n.{name})) THEN {text} END"
                    )
                })
                .collect();
            let on: Vec<_> =
                keys.iter().map(|key| format!("o.{0} = n.{0}", quote_identifier(key))).collect();
            let source = format!(
                "FROM old_rows o FULL JOIN new_rows n ON {}
                 CROSS JOIN LATERAL (SELECT array_remove(ARRAY[{}], NULL) AS columns OFFSET 0) same
                 WHERE cardinality(same.columns) < {}",
                on.join(" AND "),
                same.join(", "),
                columns.len(),
            );
            let changed = |row: &str| format!("(to_jsonb({row}){mask}) - same.columns");
            (changed("o"), changed("n"), source)
        }
        Operation::Truncate => {
            return format!("{INTO} {facts}, NULL, $7, $8, NULL, $9, NULL, NULL");
        }
    };
    format!(
        "{INTO} {facts}, {tenant}, $7, $8, {target}, coalesce($9, {}), {old}, {new} {source}",
        reasons.join(", ")
    )
}

const INTO: &str = "INSERT INTO saas.platform_audit_logs
    (id, epoch, database_role, row_hash, actor_type, actor_id, on_behalf_of, impersonation_id, session_id,
     request_id, ip_address, user_agent, tenant_id, action, target_type, target_id, reason, old_values, new_values)";
/// The first four are set by [`super::stamp`].
const FACTS: &str = "SELECT NULL, NULL, NULL, NULL, $1, $2, $3, $4, $5, $6,
    (SELECT s.ip_address FROM saas.sessions s WHERE s.id = $5),
    (SELECT s.user_agent FROM saas.sessions s WHERE s.id = $5)";
const FACTS_WITHOUT_SESSION: &str =
    "SELECT NULL, NULL, NULL, NULL, $1, $2, $3, $4, $5, $6, NULL::inet, NULL";

fn without_virtual(columns: &[Column]) -> String {
    let names: Vec<_> = columns
        .iter()
        .filter(|column| column.is_virtual)
        .map(|column| quote_literal(&column.name))
        .collect();
    match names.len() {
        0 => String::new(),
        _ => format!(" - ARRAY[{}]", names.join(", ")),
    }
}

/// Puts stars over what shall not be read in a row's jsonb.
fn mask(columns: &[Column]) -> String {
    let stars: serde_json::Map<_, _> = columns
        .iter()
        .filter(|column| column.masked)
        .map(|column| (column.name.clone(), "***".into()))
        .collect();
    match stars.len() {
        0 => String::new(),
        _ => format!(" || {}::jsonb", quote_literal(serde_json::Value::Object(stars).to_string())),
    }
}
