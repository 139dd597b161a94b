//! How many rows `has_tenant_permission(tenant_id, permission)` lets through: those of the tenants of whoever plans.

use crate::error::Result;
use crate::iam::cache::{self, With};
use crate::iam::check::{self, Scope};
use crate::iam::planner::{as_node, nodes};
use pgrx::prelude::*;
use uuid::Uuid;

/// As many as PostgreSQL itself takes for an array that it does not know.
const UNKNOWN_TENANTS: f64 = 10.0;

/// The part of the rows that belongs to the tenants where whoever plans has the permission.
///
/// # Safety
/// A request of the planner.
pub unsafe fn selectivity(request: &mut pg_sys::SupportRequestSelectivity) -> Option<()> {
    // SAFETY: the planner's structures, read as it reads them itself.
    unsafe {
        let arguments: Vec<_> = nodes(request.args).collect();
        let [tenant, permission] = arguments[..] else { return None };
        let mut column = pg_sys::VariableStatData::default();
        pg_sys::examine_variable(request.root, tenant, request.varRelid, &mut column);
        let release = |column: &pg_sys::VariableStatData| {
            if let Some(free) = column.freefunc
                && !column.statsTuple.is_null()
            {
                free(column.statsTuple);
            }
        };
        if column.rel.is_null() || request.is_join {
            release(&column);
            return None;
        }
        let known = permitted(pg_sys::estimate_expression_value(request.root, permission));
        let part = part(&mut column, known);
        release(&column);
        request.selectivity = part.clamp(1e-9, 1.0);
        Some(())
    }
}

/// By the column's statistics: the most common values one by one, all others as equally frequent, as
/// PostgreSQL estimates an equality.
///
/// # Safety
/// What `examine_variable` made.
unsafe fn part(column: &mut pg_sys::VariableStatData, known: Option<(Scope, usize)>) -> f64 {
    // SAFETY: as the caller says; the values of a statistic of a uuid column point to 16 bytes each.
    unsafe {
        let mut is_default = false;
        let distinct = pg_sys::get_variable_numdistinct(column, &mut is_default).max(1.0);
        let Some((scope, permission)) = known else { return UNKNOWN_TENANTS / distinct };
        let tenants = check::array_ids(&scope.array(permission)).len() as f64;
        if column.statsTuple.is_null() {
            return tenants / distinct;
        }
        let (mut common, mut permitted, mut share, mut permitted_share) = (0.0, 0.0, 0.0, 0.0);
        let mut slot = pg_sys::AttStatsSlot::default();
        if pg_sys::get_attstatsslot(
            &mut slot,
            column.statsTuple,
            pg_sys::STATISTIC_KIND_MCV as i32,
            pg_sys::InvalidOid,
            (pg_sys::ATTSTATSSLOT_VALUES | pg_sys::ATTSTATSSLOT_NUMBERS) as i32,
        ) {
            if slot.valuetype == pg_sys::UUIDOID {
                for n in 0..slot.nvalues.min(slot.nnumbers) as usize {
                    let part = f64::from(*slot.numbers.add(n));
                    common += 1.0;
                    share += part;
                    let tenant = (*slot.values.add(n)).cast_mut_ptr::<Uuid>().read();
                    if scope.allows(&tenant, permission) {
                        permitted += 1.0;
                        permitted_share += part;
                    }
                }
            }
            pg_sys::free_attstatsslot(&mut slot);
        }
        let class = pg_sys::GETSTRUCT(column.statsTuple) as *const pg_sys::FormData_pg_statistic;
        let others = (1.0 - share - f64::from((*class).stanullfrac)).max(0.0);
        permitted_share + (tenants - permitted) * others / (distinct - common).max(1.0)
    }
}

/// Where the current user has this permission. `None` if that can't be told: then the function itself
/// will say why.
///
/// # Safety
/// A node of the planner.
pub unsafe fn permitted(permission: *mut pg_sys::Node) -> Option<(Scope, usize)> {
    // SAFETY: a constant of type text.
    let key = unsafe {
        let constant = as_node!(permission, T_Const, Const)?;
        String::from_datum(constant.constvalue, constant.constisnull)?
    };
    let permitted = || -> Result<_> {
        let Some(permission) = cache::permission(&key, With::Tenants)? else { return Ok(None) };
        Ok(Scope::current()?.map(|scope| (scope, permission)))
    };
    permitted().ok().flatten()
}
