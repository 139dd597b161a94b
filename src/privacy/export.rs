//! A copy of all that is known of a person.

use super::request::hold;
use super::require_oneself_or_handler;
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::{audit, sql};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Answers a request for access or portability.
#[pg_extern(volatile, parallel_unsafe)]
fn export_personal_data(request_id: Option<pgrx::Uuid>) -> std::result::Result<Jsonb, ErrorReport> {
    Ok(export(given(request_id, "request_id")?)?)
}

fn export(id: pgrx::Uuid) -> Result<Jsonb> {
    if !owner::caller_is_free()? {
        check::require_context()?;
    }
    let person = as_data_owner(|| {
        sql::read_one::<pgrx::Uuid>(
            "SELECT user_id FROM saas.privacy_requests WHERE id = $1",
            &[id.into()],
        )
    })?;
    // To people an unknown request looks like somebody else's: the nil UUID is nobody.
    require_oneself_or_handler(person.unwrap_or(pgrx::Uuid::from_bytes([0; 16])))?;
    as_data_owner(|| {
        let mut request = hold(id)?;
        if !["access", "portability"].contains(&request.kind.as_str()) {
            return Err(Error::State(
                format!("a request for {} has no copy as its answer", request.kind),
                "Open a request for access or portability.",
            ));
        }
        if ["completed", "refused"].contains(&request.status.as_str()) {
            return Err(Error::State(
                format!("this request is {}", request.status),
                "The copy is handed out once and not kept: open a new request.",
            ));
        }
        // He is there in his own session, or is known to whoever hands the copy out.
        if request.status == "received" {
            request.move_to("verified", None)?;
        }
        if request.status == "verified" {
            request.move_to("in_progress", None)?;
        }
        let secrets: Vec<String> = audit::SECRETS.iter().map(|name| (*name).to_owned()).collect();
        let copy = sql::write(
            "SELECT jsonb_build_object('user_id', $1, 'request_id', $2, 'kind', $3::text, 'made_at', now(),
                                       'data', saas.collect_personal_data($1, $3 = 'portability', $4))",
            &[request.person.into(), id.into(), request.kind.as_str().into(), secrets.into()],
            |table| Ok(table.first().get::<Jsonb>(1)?.map(Jsonb::keep)),
        )?
        .ok_or_else(|| Error::State("there is nothing to export".into(), ""))?;
        sql::run(
            "UPDATE saas.privacy_requests SET result_digest = sha256(convert_to($2::text, 'UTF8')) WHERE id = $1",
            &[id.into(), copy.into()],
        )?;
        request.move_to("completed", None)?;
        Ok(copy)
    })
}
