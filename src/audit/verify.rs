//! Whether the audit log is what its seals say.

use super::invariants::may_check;
use super::merkle::Tree;
use super::seal::Seal;
use crate::error::Result;
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

type Problem = (Option<i64>, String);

/// Whoever deletes a month leaves a problem a row: so many are told one by one.
const MOST: usize = 10_000;
const ROWS: i64 = 10_000;

/// Every way in which the log differs from its seals; none in a log that nobody has touched.
#[pg_extern(stable, parallel_unsafe)]
fn verify_audit_log() -> std::result::Result<
    TableIterator<'static, (name!(seal, Option<i64>), name!(problem, String))>,
    ErrorReport,
> {
    may_check()?;
    Ok(TableIterator::new(as_data_owner(problems)?))
}

/// The hash of an audit row: each field's length and bytes, -1 for NULL, as `stamp.rs` has it.
#[pg_extern(immutable, parallel_safe)]
fn audit_hash(fields: Array<'_, &[u8]>) -> Vec<u8> {
    let mut digest = Sha256::new();
    for field in fields.iter() {
        match field {
            Some(bytes) => {
                digest.update((bytes.len() as i32).to_be_bytes());
                digest.update(bytes);
            }
            None => digest.update((-1i32).to_be_bytes()),
        }
    }
    digest.finalize().to_vec()
}

/// All statements read in the caller's snapshot, so that a seal that is being made is seen whole or not at all.
pub fn problems() -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut trees = trees(&mut problems)?;
    let mut previous: Option<(i64, Vec<u8>)> = None;
    for (seal, digest) in seals()? {
        let number = seal.number;
        let mut problem = |text: String| problems.push((Some(number), text));
        let expected = previous.as_ref().map_or(1, |(last, _)| last + 1);
        if number != expected {
            problem(format!("seal {expected} is missing"));
        }
        // The digest of a seal that is missing can't be known: the chain is checked from here on.
        let seal = Seal { previous: previous.take().map(|(_, digest)| digest), ..seal };
        if number == expected && seal.digest()[..] != digest[..] {
            problem("its digest is not that of what it says and of the seal before it".into());
        }
        let tree = trees.remove(&number).unwrap_or_default();
        if tree.len() as i64 != seal.row_count {
            problem(format!("it covers {} rows and says {}", tree.len(), seal.row_count));
        } else if tree.root()[..] != seal.merkle_root[..] {
            problem("its Merkle root is not that of the rows that it covers".into());
        }
        previous = Some((number, digest));
    }
    for number in trees.keys() {
        problems.push((
            Some(*number),
            "the seal is missing, and the rows that it covers are there".into(),
        ));
    }
    // SAFETY: reads shared memory.
    let life = unsafe { pg_sys::GetSystemIdentifier() }.to_string();
    each_row(include_str!("../../sql/audit/unsound_rows.sql"), &[life.into()], |row| {
        problems.push((row.get(1)?, row.get::<String>(2)?.unwrap_or_default()));
        Ok(problems.len() <= MOST)
    })?;
    if problems.len() > MOST {
        problems.truncate(MOST);
        problems.push((None, format!("there are more: the first {MOST} are listed")));
    }
    Ok(problems)
}

/// The trees of all seals, over the rows that are noted as theirs.
fn trees(problems: &mut Vec<Problem>) -> Result<BTreeMap<i64, Tree>> {
    let mut trees: BTreeMap<i64, Tree> = BTreeMap::new();
    let mut told = None;
    each_row(include_str!("../../sql/audit/seal_rows.sql"), &[], |row| {
        let number = row.get::<i64>(1)?.unwrap_or_default();
        let tree = trees.entry(number).or_default();
        tree.push(row.get::<&[u8]>(3)?.unwrap_or_default());
        if row.get::<i64>(2)? != Some(tree.len() as i64) && told != Some(number) {
            told = Some(number);
            problems.push((Some(number), format!("the row at position {} is missing", tree.len())));
        }
        Ok(true)
    })?;
    Ok(trees)
}

/// Every seal with the digest that it carries.
fn seals() -> Result<Vec<(Seal, Vec<u8>)>> {
    sql::read_rows(
        "SELECT seal, sealed_at, row_count, merkle_root, epoch, xid_before::text::bigint, digest
           FROM saas.audit_seals ORDER BY seal",
        &[],
        |row| {
            let seal = Seal {
                number: row.get(1)?.unwrap_or_default(),
                previous: None,
                sealed_at: row.get::<TimestampWithTimeZone>(2)?.map(i64::from).unwrap_or_default(),
                row_count: row.get(3)?.unwrap_or_default(),
                merkle_root: row.get(4)?.unwrap_or_default(),
                epoch: row.get(5)?.unwrap_or_default(),
                xid_before: row.get(6)?.unwrap_or_default(),
            };
            Ok((seal, row.get::<Vec<u8>>(7)?.unwrap_or_default()))
        },
    )
}

/// Reads what a statement returns, so many rows at a time, until `read` has enough.
fn each_row(
    text: &'static str,
    args: &[pgrx::datum::DatumWithOid<'_>],
    mut read: impl FnMut(pgrx::spi::SpiHeapTupleData<'_>) -> Result<bool>,
) -> Result<()> {
    Spi::connect(|client| {
        let mut cursor = client.try_open_cursor(text, args)?;
        loop {
            let rows = cursor.fetch(ROWS)?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                if !read(row)? {
                    return Ok(());
                }
            }
        }
    })
}
