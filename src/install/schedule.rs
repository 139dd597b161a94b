//! What has to run regularly, as jobs of pg_cron: `sql/install/jobs.sql`.

use crate::error::{Error, Result};
use crate::iam::cache;
use crate::{owner, sql};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

struct Job {
    name: String,
    schedule: String,
    command: String,
}

type Listed = (String, String, String, Option<String>);

/// Sets up the regular jobs, or brings them up to date; lists them.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = "
    CREATE FUNCTION saas.schedule_jobs(role regrole DEFAULT NULL)
    RETURNS TABLE (job text, schedule text, command text, runs_as text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // the row's columns
fn schedule_jobs(
    role: Option<pg_sys::Oid>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(job, String),
            name!(schedule, String),
            name!(command, String),
            name!(runs_as, Option<String>),
        ),
    >,
    ErrorReport,
> {
    Ok(TableIterator::new(schedule(role)?))
}

fn schedule(role: Option<pg_sys::Oid>) -> Result<Vec<Listed>> {
    if !owner::caller_is_data_owner()? {
        return Err(Error::Denied("only the data owner may schedule jobs".into()));
    }
    // SAFETY: reads a variable of the backend.
    let caller = unsafe { pg_sys::GetUserId() };
    let role = runs_as(role, caller)?;
    // As the caller, whose jobs they become: nobody else's rights are lent to pg_cron.
    owner::as_role(caller, || {
        let jobs = sql::read_rows(include_str!("../../sql/install/jobs.sql"), &[], |row| {
            let text = |column| Ok::<_, Error>(row.get::<String>(column)?.unwrap_or_default());
            Ok(Job { name: text(1)?, schedule: text(2)?, command: text(3)? })
        })?;
        let name = sql::read_one::<String>(
            "SELECT rolname::text FROM pg_roles WHERE oid = $1",
            &[role.into()],
        )?
        .ok_or_else(|| Error::NoSuchRow("no such role".into()))?;
        // The extension's own, whoever else has a schema of that name.
        let is_there = sql::read_one::<bool>(
            "SELECT EXISTS (SELECT FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                              JOIN pg_namespace n ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid
                             WHERE e.extname = 'pg_cron' AND n.nspname = 'cron' AND d.deptype = 'e')",
            &[],
        )? == Some(true);
        if is_there {
            with_pg_cron(&jobs, &name, role == caller)?;
        } else {
            say_what_to_do(&jobs, &name)?;
        }
        let runs_as = is_there.then_some(name);
        Ok(jobs
            .into_iter()
            .map(|job| (job.name, job.schedule, job.command, runs_as.clone()))
            .collect())
    })
}

/// Of kind worker, which may do all of it and nothing more: the one that there is. The data owner who is no
/// superuser can schedule for himself only.
fn runs_as(role: Option<pg_sys::Oid>, caller: pg_sys::Oid) -> Result<pg_sys::Oid> {
    let workers: Vec<_> = cache::access_grants()?
        .iter()
        .filter(|(_, kind)| &**kind == "worker")
        .map(|(role, _)| *role)
        .collect();
    // SAFETY: a look-up in the role catalogs.
    let superuser = unsafe { pg_sys::superuser_arg(caller) };
    let role = match (role, superuser, &workers[..]) {
        (Some(role), ..) => role,
        (None, false, _) => caller,
        (None, true, [only]) => *only,
        (None, true, _) => {
            return Err(Error::State(
                format!("{} database roles are of kind worker", workers.len()),
                "Say who runs the jobs: saas.schedule_jobs('role'), after saas.grant_access('role', 'worker').",
            ));
        }
    };
    if role != caller && !superuser {
        return Err(Error::Denied("only a superuser may schedule jobs for another role".into()));
    }
    if role != owner::data_owner()? && !workers.contains(&role) {
        return Err(Error::Invalid(
            "jobs run as a role of kind worker, or as the data owner".into(),
        ));
    }
    Ok(role)
}

fn with_pg_cron(jobs: &[Job], role: &str, by_himself: bool) -> Result<()> {
    for job in jobs {
        let (name, schedule, command) = (&*job.name, &*job.schedule, &*job.command);
        if by_himself {
            sql::run(
                "SELECT cron.schedule($1, $2, $3)",
                &[name.into(), schedule.into(), command.into()],
            )?;
        } else {
            sql::run(
                "SELECT cron.schedule_in_database($1, $2, $3, current_database()::text, $4)",
                &[name.into(), schedule.into(), command.into(), role.into()],
            )?;
        }
    }
    // Jobs of an older list, or that ran as somebody else.
    let names: Vec<&str> = jobs.iter().map(|job| &*job.name).collect();
    sql::run(
        "SELECT cron.unschedule(j.jobid) FROM cron.job j
          WHERE starts_with(j.jobname, 'saas_core ') AND j.database = current_database()
            AND (j.username <> $2 OR j.jobname <> ALL ($1::text[]))",
        &[names.into(), role.into()],
    )?;
    Ok(())
}

fn say_what_to_do(jobs: &[Job], role: &str) -> Result<()> {
    let database =
        sql::read_one::<String>("SELECT current_database()::text", &[])?.unwrap_or_default();
    let lines: Vec<_> = jobs
        .iter()
        // cron reads % as the end of the line.
        .map(|job| {
            format!("{} psql -X -q -U {role} -d {database} -c \"{}\"", job.schedule, job.command)
                .replace('%', "\\%")
        })
        .collect();
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        "pg_cron is not in this database: nothing is scheduled",
        format!(
            "Either CREATE EXTENSION pg_cron here, as a superuser, and call this again; or give the system's cron these lines (times in UTC):\n{}",
            lines.join("\n")
        )
    );
    Ok(())
}
