//! What those who use the extension get wrong about row-level security: `docs/policies.md`.

use super::condition::{Call, calls, column, conjuncts};
use super::{cache, check, protect};
use crate::error::Result;
use crate::{audit, owner, sql};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Severity, object, problem and fix.
type Finding = (String, String, String, String);

macro_rules! of_tenant_tables {
    ($file:literal) => {
        concat!(
            include_str!("../../sql/iam/lint/tenant_tables.sql"),
            include_str!(concat!("../../sql/iam/lint/", $file))
        )
    };
}

const TABLES: &str = of_tenant_tables!("tables.sql");
const KEYS: &str = of_tenant_tables!("keys.sql");
const VIEWS: &str = of_tenant_tables!("views.sql");
const SECOND_POLICIES: &str = of_tenant_tables!("second_policies.sql");
const ROLES: &str = include_str!("../../sql/iam/lint/roles.sql");
const CODE: &str = include_str!("../../sql/iam/lint/code.sql");
const POLICIES: &str = include_str!("../../sql/iam/lint/policies.sql");

/// What lets rows past row-level security, or makes it slow; no row where all is well.
#[pg_extern(stable, parallel_unsafe)]
fn lint() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(severity, String),
            name!(object, String),
            name!(problem, String),
            name!(fix, String),
        ),
    >,
    ErrorReport,
> {
    audit::may_check()?;
    Ok(TableIterator::new(owner::as_data_owner(findings)?))
}

fn findings() -> Result<Vec<Finding>> {
    let policies = policies()?;
    let mut found = unknown_permissions(&policies)?;
    // Those of the extension's tables are as they are on purpose.
    let of_applications = policies.iter().filter(|policy| !policy.is_own);
    found.extend(of_applications.filter_map(|policy| no_index_serves(policy, &policies)));
    for text in [TABLES, KEYS, VIEWS, ROLES, CODE] {
        found.append(&mut rows(text, &[])?);
    }
    found.append(&mut rows(SECOND_POLICIES, &[protect::COMMENT.into()])?);
    // Errors first. What two policies say of one column, and what two roles are by one membership, is said once.
    found.sort();
    found.dedup();
    Ok(found)
}

fn rows(text: &'static str, args: &[DatumWithOid<'_>]) -> Result<Vec<Finding>> {
    sql::read_rows(text, args, |row| {
        let text =
            |number| Ok::<_, crate::error::Error>(row.get::<String>(number)?.unwrap_or_default());
        Ok((text(1)?, text(2)?, text(3)?, text(4)?))
    })
}

struct Policy {
    object: String,
    table: String,
    is_own: bool,
    is_for_insert: bool,
    qual: Option<String>,
    with_check: Option<String>,
    /// Statements, the first and the last without the conditions.
    alter: String,
    drop: String,
    create: String,
}

fn policies() -> Result<Vec<Policy>> {
    sql::read_rows(POLICIES, &[], |row| {
        let text =
            |number| Ok::<_, crate::error::Error>(row.get::<String>(number)?.unwrap_or_default());
        let is = |number| Ok::<_, crate::error::Error>(row.get::<bool>(number)? == Some(true));
        Ok(Policy {
            object: text(1)?,
            table: text(2)?,
            is_own: is(3)?,
            is_for_insert: is(4)?,
            qual: row.get::<String>(5)?,
            with_check: row.get::<String>(6)?,
            alter: text(7)?,
            drop: text(8)?,
            create: text(9)?,
        })
    })
}

impl Policy {
    fn conditions(&self) -> impl Iterator<Item = &str> {
        [&self.qual, &self.with_check].into_iter().flatten().map(String::as_str)
    }

    /// `statement` with the conditions as `change` makes them.
    fn with(&self, statement: &str, change: impl Fn(&str) -> String) -> String {
        let mut text = statement.to_owned();
        for (word, condition) in [("USING", &self.qual), ("WITH CHECK", &self.with_check)] {
            if let Some(condition) = condition {
                text.push_str(&format!(" {word} ({})", change(condition)));
            }
        }
        text
    }
}

/// Each query of such a table fails with 42704.
fn unknown_permissions(policies: &[Policy]) -> Result<Vec<Finding>> {
    let known = cache::permissions()?;
    let nearest = |key: &str| check::nearest(key, known.keys().map(|known| &**known));
    let mut found = Vec::new();
    for policy in policies {
        let asked = policy.conditions().flat_map(calls);
        let mut unknown: Vec<_> = asked
            .filter_map(|call| call.permission())
            .filter(|key| !known.contains_key(*key))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        for key in &unknown {
            let (mut problem, near) =
                (format!("permission \"{key}\" does not exist"), nearest(key));
            if let Some(near) = &near {
                problem.push_str(&format!("; did you mean \"{near}\"?"));
            }
            let fix = match near {
                _ if policy.is_own => "SELECT saas.install()".into(),
                None => format!("SELECT saas.define_permission('{key}', 'What it allows')"),
                // All of them at once: the next one's fix does not bring this one's error back.
                Some(_) => policy.with(&policy.alter, |condition| {
                    unknown.iter().fold(condition.to_owned(), |text, key| match nearest(key) {
                        Some(near) => {
                            text.replace(&format!("'{key}'::text"), &format!("'{near}'::text"))
                        }
                        None => text,
                    })
                }),
            };
            found.push(("error".into(), policy.object.clone(), problem, fix));
        }
    }
    Ok(found)
}

/// Only a check that stands alone, of a column of type uuid, becomes a condition of the index.
fn no_index_serves(policy: &Policy, all: &[Policy]) -> Option<Finding> {
    let condition = policy.qual.as_deref().filter(|_| !policy.is_for_insert)?;
    let asked: Vec<_> = calls(condition).into_iter().filter_map(|call| call.tenant()).collect();
    let parts = conjuncts(condition);
    let is_served = |part: &&str| {
        Call::whole(part)
            .and_then(|call| call.tenant())
            .is_some_and(|tenant| column(tenant).is_some())
    };
    if asked.is_empty() || parts.iter().any(is_served) {
        return None;
    }
    let finding = |object: &str, problem: &str, fix: String| {
        Some(("warning".into(), object.to_owned(), problem.to_owned(), fix))
    };
    if let Some((part, bare)) = parts.iter().find_map(|part| Some((*part, unwrapped(part)?))) {
        let fix = policy.with(&policy.alter, |text| text.replace(part, &bare));
        return finding(
            &policy.object,
            "a subquery around the check asks for each row: no index serves it",
            fix,
        );
    }
    let cast = asked.iter().find_map(|tenant| tenant.strip_prefix('(')?.strip_suffix(")::uuid"));
    if let Some(name) = cast.filter(|name| column(name).is_some()) {
        // A column keeps its type for as long as a policy names it.
        let naming: Vec<_> = all
            .iter()
            .filter(|other| {
                other.table == policy.table && other.conditions().any(|text| text.contains(name))
            })
            .collect();
        let mut fix: Vec<_> = naming.iter().map(|policy| policy.drop.clone()).collect();
        fix.push(format!(
            "ALTER TABLE {} ALTER COLUMN {name} TYPE uuid USING {name}::uuid",
            policy.table
        ));
        let cast = format!("({name})::uuid");
        fix.extend(
            naming
                .iter()
                .map(|policy| policy.with(&policy.create, |text| text.replace(&cast, name))),
        );
        return finding(
            &format!("column {name} of {}", policy.table),
            "it is no uuid, and its policies cast it: no index serves them",
            fix.join("; "),
        );
    }
    finding(
        &policy.object,
        "the check is part of something else than AND: no index serves it",
        "Make saas.has_tenant_permission(column, 'permission') a condition of its own, and what is for other people a policy TO roles of theirs".into(),
    )
}

/// The check in `SELECT saas.has_tenant_permission(documents.tenant_id, …) AS has_tenant_permission`, of the column alone.
fn unwrapped(part: &str) -> Option<String> {
    let inside = part.strip_prefix("SELECT ")?;
    let (inside, _) = inside.rsplit_once(" AS ").unwrap_or((inside, ""));
    let call = Call::whole(inside)?;
    let tenant = call.tenant()?;
    Some(format!("saas.has_tenant_permission({}, {})", column(tenant)?, call.arguments[1]))
}
