//! Seals: blocks of the audit log under a hash that says all of it, each block chained to the one before.
//!
//! A seal covers every row of a transaction below its `xid_before`, which is the oldest that was still running: a row
//! that is committed late has a larger one and goes into a later seal. So a row that turns up below it without being
//! in a seal was not there when it was made.

use super::merkle::{Hash, Tree};
use super::stamp::cluster_life;
use crate::error::{Error, Result};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use sha2::{Digest, Sha256};

/// The leaves of the next seal, in their order.
const LEAVES: &str = concat!(
    include_str!("../../sql/audit/unsealed.sql"),
    "SELECT uuid_send(id) || timestamptz_send(occurred_at) || row_hash FROM unsealed ORDER BY id, occurred_at"
);
/// Notes that seal $5 covers them.
const COVER: &str = concat!(
    include_str!("../../sql/audit/unsealed.sql"),
    "INSERT INTO saas.audit_seal_rows (seal, position, log_id, occurred_at, row_hash)
     SELECT $5, row_number() OVER (ORDER BY id, occurred_at), id, occurred_at, row_hash FROM unsealed"
);
/// How many rows are in memory at once.
const ROWS: i64 = 10_000;

/// What a seal's digest says.
pub struct Seal {
    pub number: i64,
    /// The digest of the seal before it; the first has none.
    pub previous: Option<Vec<u8>>,
    /// Microseconds as PostgreSQL counts them.
    pub sealed_at: i64,
    pub row_count: i64,
    pub merkle_root: Vec<u8>,
    pub epoch: String,
    pub xid_before: i64,
}

impl Seal {
    /// Fields of fixed length first, so that no two seals are hashed alike.
    pub fn digest(&self) -> Hash {
        Sha256::new()
            .chain_update(b"saas_core seal 1")
            .chain_update(self.previous.as_deref().unwrap_or(&[0; 32]))
            .chain_update(self.number.to_be_bytes())
            .chain_update(self.sealed_at.to_be_bytes())
            .chain_update(self.row_count.to_be_bytes())
            .chain_update(&self.merkle_root)
            .chain_update(self.xid_before.to_be_bytes())
            .chain_update(self.epoch.as_bytes())
            .finalize()
            .into()
    }
}

/// Seals what has been logged since the last seal. Returns the new seal, or NULL when there is nothing to seal.
#[pg_extern(volatile, parallel_unsafe)]
fn seal_audit_log() -> std::result::Result<Option<i64>, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    Ok(as_data_owner(seal)?)
}

fn seal() -> Result<Option<i64>> {
    // Two sealers follow each other; readers go on.
    sql::run("LOCK TABLE saas.audit_seals IN SHARE ROW EXCLUSIVE MODE", &[])?;
    let epoch = cluster_life();
    let (last, previous, first, from, before) = sql::write(
        include_str!("../../sql/audit/last_seal.sql"),
        &[epoch.as_str().into()],
        |table| {
            let row = table.first();
            Ok((
                row.get::<i64>(1)?.unwrap_or_default(),
                row.get::<Vec<u8>>(2)?,
                row.get::<bool>(3)?,
                row.get::<i64>(4)?,
                row.get::<i64>(5)?.unwrap_or_default(),
            ))
        },
    )?;
    let range: [DatumWithOid<'_>; 4] =
        [epoch.as_str().into(), from.into(), before.into(), first.into()];
    let mut tree = Tree::default();
    each_row(LEAVES, &range, |row| {
        tree.push(row.get::<&[u8]>(1)?.unwrap_or_default());
        Ok(())
    })?;
    if tree.len() == 0 {
        return Ok(None);
    }
    let seal = Seal {
        number: last + 1,
        previous,
        // SAFETY: reads a variable of the backend.
        sealed_at: unsafe { pg_sys::GetCurrentTransactionStartTimestamp() },
        row_count: tree.len() as i64,
        merkle_root: tree.root().to_vec(),
        epoch: epoch.clone(),
        xid_before: before,
    };
    sql::run(
        "INSERT INTO saas.audit_seals (seal, previous, sealed_at, row_count, merkle_root, epoch, xid_before, digest)
         VALUES ($1, nullif($1 - 1, 0), now(), $2, $3, $4, $5::text::xid8, $6)",
        &[
            seal.number.into(),
            seal.row_count.into(),
            seal.merkle_root.clone().into(),
            seal.epoch.as_str().into(),
            seal.xid_before.into(),
            seal.digest().to_vec().into(),
        ],
    )?;
    let [epoch, from, before, first] = range;
    let covered = sql::run(COVER, &[epoch, from, before, first, seal.number.into()])?;
    if covered != seal.row_count {
        return Err(Error::State("the log changed while it was being sealed".into(), ""));
    }
    Ok(Some(seal.number))
}

/// Reads what a statement returns, so many rows at a time, in a new snapshot.
fn each_row(
    text: &'static str,
    args: &[DatumWithOid<'_>],
    mut read: impl FnMut(pgrx::spi::SpiHeapTupleData<'_>) -> Result<()>,
) -> Result<()> {
    sql::will_write();
    Spi::connect_mut(|client| {
        let mut cursor = client.try_open_cursor_mut(text, args)?;
        loop {
            let rows = cursor.fetch(ROWS)?;
            if rows.is_empty() {
                return Ok(());
            }
            rows.into_iter().try_for_each(&mut read)?;
        }
    })
}
