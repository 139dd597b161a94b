//! What nobody but the database says about an audit row: its id, time, transaction, cluster, role and hash.
//!
//! `row_hash` is the SHA-256 of the row's other columns in the order of [`FIELDS`], each as in
//! PostgreSQL's binary COPY: four bytes of length, most significant first (-1 for NULL), then the
//! type's binary form; of jsonb its text. The lengths keep ('ab', 'c') apart from ('a', 'bc'), and no
//! setting of a session has a part in it.

use crate::error::{Error, Result};
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use pgrx::{trigger_fired_before, trigger_fired_by_insert, trigger_fired_for_row};
use sha2::{Digest, Sha256};
use std::ffi::CStr;

const FIELDS: [(&CStr, pg_sys::Oid); 22] = [
    (c"id", pg_sys::UUIDOID),
    (c"occurred_at", pg_sys::TIMESTAMPTZOID),
    (c"xid", pg_sys::XID8OID),
    (c"epoch", pg_sys::TEXTOID),
    (c"actor_type", pg_sys::TEXTOID),
    (c"actor_id", pg_sys::UUIDOID),
    (c"database_role", pg_sys::TEXTOID),
    (c"on_behalf_of", pg_sys::UUIDOID),
    (c"impersonation_id", pg_sys::UUIDOID),
    (c"session_id", pg_sys::UUIDOID),
    (c"request_id", pg_sys::UUIDOID),
    (c"tenant_id", pg_sys::UUIDOID),
    (c"action", pg_sys::TEXTOID),
    (c"target_type", pg_sys::TEXTOID),
    (c"target_id", pg_sys::TEXTOID),
    (c"outcome", pg_sys::TEXTOID),
    (c"reason", pg_sys::TEXTOID),
    (c"ip_address", pg_sys::INETOID),
    (c"user_agent", pg_sys::TEXTOID),
    (c"old_values", pg_sys::JSONBOID),
    (c"new_values", pg_sys::JSONBOID),
    (c"row_hash", pg_sys::BYTEAOID), // its place; not hashed
];

#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_saas_stamp_audit_log() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// BEFORE INSERT, for each row.
///
/// # Safety
/// For PostgreSQL to call, as a trigger.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn saas_stamp_audit_log(
    call: pg_sys::FunctionCallInfo,
) -> pg_sys::Datum {
    // SAFETY: `call` is PostgreSQL's, and its context is looked at before it is taken for a trigger's.
    let stamped = unsafe {
        if pgrx::called_as_trigger(call) { stamp((*call).context.cast()) } else { Err(misplaced()) }
    };
    pg_sys::Datum::from(stamped.map_err(ErrorReport::from).unwrap_or_report())
}

fn misplaced() -> Error {
    Error::State(
        "saas.stamp_audit_log is the BEFORE INSERT row trigger of saas.platform_audit_logs".into(),
        "",
    )
}

/// # Safety
/// `trigger` is what PostgreSQL calls a trigger with.
unsafe fn stamp(trigger: *mut pg_sys::TriggerData) -> Result<pg_sys::HeapTuple> {
    // SAFETY: the row is taken apart by the descriptor of its own table, and put together again by it.
    // Anybody may hang this trigger on a table of his, so that nothing is taken for granted.
    unsafe {
        let event = (*trigger).tg_event;
        if !(trigger_fired_before(event)
            && trigger_fired_for_row(event)
            && trigger_fired_by_insert(event))
        {
            return Err(misplaced());
        }
        let descriptor = (*(*trigger).tg_relation).rd_att;
        let width = (*descriptor).natts as usize;
        let mut places = [0; FIELDS.len()];
        for (place, (name, form)) in places.iter_mut().zip(FIELDS) {
            let number = pg_sys::SPI_fnumber(descriptor, name.as_ptr());
            *place = usize::try_from(number - 1).map_err(|_| misplaced())?;
            if pg_sys::SPI_gettypeid(descriptor, number) != form {
                return Err(misplaced());
            }
        }
        let mut values = vec![pg_sys::Datum::null(); width];
        let mut nulls = vec![true; width];
        pg_sys::heap_deform_tuple(
            (*trigger).tg_trigtuple,
            descriptor,
            values.as_mut_ptr(),
            nulls.as_mut_ptr(),
        );
        let [id, occurred_at, xid, epoch, _, _, role, ..] = places;

        // A BEFORE trigger can't move a row to another partition, so the time is refused, not overwritten.
        let now = pg_sys::GetCurrentTransactionStartTimestamp();
        if nulls[occurred_at] || values[occurred_at].value() as i64 != now {
            return Err(Error::Invalid("occurred_at is now(): nobody sets it".into()));
        }
        let set = [
            (id, crate::context::from_uuid(crate::context::new_id()).into_datum()),
            (xid, Some(pg_sys::Datum::from(pg_sys::GetTopFullTransactionId().value))),
            (epoch, cluster_life().into_datum()),
            (role, session_user().into_datum()),
        ];
        for (place, value) in set {
            if let Some(value) = value {
                values[place] = value;
                nulls[place] = false;
            }
        }
        let hash = hash(&places, &values, &nulls);
        let last = places[FIELDS.len() - 1];
        if let Some(hash) = hash.as_slice().into_datum() {
            values[last] = hash;
            nulls[last] = false;
        }
        Ok(pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr()))
    }
}

/// Transaction ids start over when a cluster is made anew from a dump; timelines part after a restore.
pub fn cluster_life() -> String {
    // SAFETY: these read shared memory; a row is being written, so recovery is over.
    unsafe { format!("{}/{}", pg_sys::GetSystemIdentifier(), pg_sys::GetWALInsertionTimeLine()) }
}

fn session_user() -> String {
    // SAFETY: a look-up in the role catalogs, which answers NULL for a role that was dropped meanwhile.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), true);
        match name.is_null() {
            true => pg_sys::GetSessionUserId().to_u32().to_string(),
            false => CStr::from_ptr(name).to_string_lossy().into_owned(),
        }
    }
}

/// # Safety
/// Each place names a value of the type that [`FIELDS`] says.
unsafe fn hash(places: &[usize], values: &[pg_sys::Datum], nulls: &[bool]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let hashed = FIELDS.len() - 1;
    for (&place, (_, form)) in places.iter().zip(FIELDS).take(hashed) {
        if nulls[place] {
            digest.update((-1i32).to_be_bytes());
            continue;
        }
        let mut field = |bytes: &[u8]| {
            digest.update((bytes.len() as i32).to_be_bytes());
            digest.update(bytes);
        };
        let datum = values[place];
        // SAFETY: the caller says that the datum is of this type; the last arm is jsonb.
        unsafe {
            match form {
                pg_sys::UUIDOID => {
                    field(std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16))
                }
                pg_sys::XID8OID | pg_sys::TIMESTAMPTZOID => {
                    field(&(datum.value() as u64).to_be_bytes())
                }
                pg_sys::TEXTOID => {
                    let text = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
                    field(pgrx::varlena_to_byte_slice(text));
                }
                pg_sys::INETOID => {
                    let sent = pg_sys::OidSendFunctionCall(pg_sys::F_INET_SEND.into(), datum);
                    field(pgrx::varlena_to_byte_slice(sent.cast()));
                }
                _ => {
                    let jsonb =
                        pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) as *mut pg_sys::Jsonb;
                    let text = pg_sys::JsonbToCString(
                        std::ptr::null_mut(),
                        &raw mut (*jsonb).root,
                        pgrx::varsize_any(jsonb.cast()) as i32,
                    );
                    field(CStr::from_ptr(text).to_bytes());
                }
            }
        }
    }
    digest.finalize().into()
}
