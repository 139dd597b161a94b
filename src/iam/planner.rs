//! What the planner should know of `has_tenant_permission(tenant_id, permission)`.
//!
//! - That an index on the tenant serves: the rows are those where
//!   `tenant_id = ANY (saas.permitted_tenant_ids(permission))`.
//! - How many rows it lets through: those of the tenants of whoever plans.
//! - That it costs what a comparison costs.
//!
//! So a policy that calls the function for every row runs like one that was tuned by hand.

use crate::iam::check;
use crate::iam::estimate;
use crate::iam::fast::version_1;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::ptr::null_mut;

extension_sql!(
    "
CREATE FUNCTION saas.plan_tenant_permission(internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'saas_plan_tenant_permission';
",
    name = "plan_tenant_permission"
);

version_1! { pg_finfo_saas_plan_tenant_permission }

/// # Safety
/// Called by PostgreSQL's planner with one of its support requests.
#[unsafe(no_mangle)]
#[pg_guard]
unsafe extern "C-unwind" fn saas_plan_tenant_permission(
    call: pg_sys::FunctionCallInfo,
) -> pg_sys::Datum {
    // SAFETY: the type of a request says which struct it is.
    unsafe {
        let request = (*(*call).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        let answer: *mut pg_sys::Node = match (*request).type_ {
            pg_sys::NodeTag::T_SupportRequestIndexCondition => {
                match index_condition(&mut *request.cast()) {
                    Some(clause) => pg_sys::lappend(null_mut(), clause.cast()).cast(),
                    None => null_mut(),
                }
            }
            pg_sys::NodeTag::T_SupportRequestSelectivity => {
                match estimate::selectivity(&mut *request.cast()) {
                    Some(()) => request,
                    None => null_mut(),
                }
            }
            pg_sys::NodeTag::T_SupportRequestCost => {
                let request = &mut *request.cast::<pg_sys::SupportRequestCost>();
                request.startup = 0.0;
                request.per_tuple = pg_sys::cpu_operator_cost;
                (request as *mut pg_sys::SupportRequestCost).cast()
            }
            _ => null_mut(),
        };
        pg_sys::Datum::from(answer)
    }
}

/// The nodes of a list.
///
/// # Safety
/// `list` is NULL or a list of pointers to nodes.
pub(super) unsafe fn nodes(list: *const pg_sys::List) -> impl Iterator<Item = *mut pg_sys::Node> {
    // SAFETY: as the caller says.
    let length = unsafe { list.as_ref() }.map_or(0, |list| list.length);
    // SAFETY: within the list's length.
    (0..length).map(move |n| unsafe { pg_sys::list_nth(list, n).cast() })
}

/// `node` as what it is, if it is a `$tag`.
macro_rules! as_node {
    ($node:expr, $tag:ident, $type:ident) => {{
        let node: *mut pg_sys::Node = $node;
        if !node.is_null() && (*node).type_ == pg_sys::NodeTag::$tag {
            Some(&mut *node.cast::<pg_sys::$type>())
        } else {
            None
        }
    }};
}

pub(super) use as_node;

/// How many tenants the planner looks up in the column's statistics one by one.
const FEW: usize = 32;

/// `column = ANY (saas.permitted_tenant_ids(permission))`, which is true of exactly the same rows.
///
/// # Safety
/// A request of the planner.
unsafe fn index_condition(
    request: &mut pg_sys::SupportRequestIndexCondition,
) -> Option<*mut pg_sys::ScalarArrayOpExpr> {
    // SAFETY: the planner's structures, read as it reads them itself.
    unsafe {
        let index = &*request.index;
        if request.indexarg != 0 || index.relam != pg_sys::BTREE_AM_OID {
            return None;
        }
        let call = as_node!(request.node, T_FuncExpr, FuncExpr)?;
        let arguments: Vec<_> = nodes(call.args).collect();
        let [tenant, permission] = arguments[..] else { return None };
        let equal = pg_sys::get_opfamily_member(
            request.opfamily,
            pg_sys::UUIDOID,
            pg_sys::UUIDOID,
            pg_sys::BTEqualStrategyNumber as i16,
        );
        if equal == pg_sys::InvalidOid
            || !is_known_beforehand(permission)
            || is_taken(request, call.funcid)
            || is_one_row(request.index)
        {
            return None;
        }
        let array = permitted_tenant_ids(request.root, call, permission)?;
        // The plan is for a role that may call it.
        (*(*request.root).glob).dependsOnRole = true;
        let clause = pg_sys::palloc0(size_of::<pg_sys::ScalarArrayOpExpr>())
            .cast::<pg_sys::ScalarArrayOpExpr>();
        (*clause).xpr.type_ = pg_sys::NodeTag::T_ScalarArrayOpExpr;
        (*clause).opno = equal;
        (*clause).opfuncid = pg_sys::get_opcode(equal);
        (*clause).useOr = true;
        (*clause).args = pg_sys::lappend(pg_sys::lappend(null_mut(), tenant.cast()), array.cast());
        (*clause).location = -1;
        // The array is made once, when the scan begins. A cursor's goes on in later statements, which
        // see what was revoked: there each row is asked again. So it is wherever only the first rows
        // are wanted, which costs nothing.
        request.lossy = (*request.root).tuple_fraction > 0.0;
        Some(clause)
    }
}

/// Whether an expression has one value for the whole scan.
///
/// # Safety
/// A node of the planner.
unsafe fn is_known_beforehand(expression: *mut pg_sys::Node) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        !pg_sys::contain_var_clause(expression)
            && !pg_sys::contain_volatile_functions(expression)
            && !pg_sys::contain_subplans(expression)
    }
}

/// Whether the column has a condition already that is as good or better: an equality (before
/// PostgreSQL 17 a scan of each element of the array would find it contradicted), or the array of
/// another call (two arrays multiply there).
///
/// # Safety
/// A request of the planner.
unsafe fn is_taken(request: &pg_sys::SupportRequestIndexCondition, function: pg_sys::Oid) -> bool {
    // SAFETY: the planner's structures, read as it reads them itself.
    unsafe {
        let is_column =
            |node| pg_sys::match_index_to_operand(node, request.indexcol, request.index);
        let mut before_ours = true;
        for clause in clauses(request.index) {
            if clause == request.node {
                before_ours = false;
            } else if let Some(other) = as_node!(clause, T_FuncExpr, FuncExpr) {
                let arguments: Vec<_> = nodes(other.args).collect();
                if before_ours
                    && other.funcid == function
                    && is_column(arguments[0])
                    && is_known_beforehand(arguments[1])
                {
                    return true;
                }
            } else if is_equality(clause, request.index, request.indexcol, true) {
                return true;
            }
        }
        false
    }
}

/// Whether a unique index finds the only row that there can be: then nothing is gained by a look at the tenant's
/// index too, and thinking about it costs more than the look-up.
///
/// # Safety
/// An index of the planner.
unsafe fn is_one_row(index: *mut pg_sys::IndexOptInfo) -> bool {
    // SAFETY: the planner's structures, read as it reads them itself.
    unsafe {
        nodes((*(*index).rel).indexlist).any(|other| {
            let other: *mut pg_sys::IndexOptInfo = other.cast();
            (*other).unique
                && (*other).immediate
                && ((*other).indpred.is_null() || (*other).predOK)
                && (0..(*other).nkeycolumns).all(|column| {
                    clauses(other).any(|clause| is_equality(clause, other, column, false))
                })
        })
    }
}

/// What is asked of each row of an index's table.
///
/// # Safety
/// An index of the planner.
unsafe fn clauses(index: *mut pg_sys::IndexOptInfo) -> impl Iterator<Item = *mut pg_sys::Node> {
    // SAFETY: as the caller says; the list is one of RestrictInfos.
    unsafe {
        nodes((*(*index).rel).baserestrictinfo)
            .map(|restriction| (*restriction.cast::<pg_sys::RestrictInfo>()).clause.cast())
    }
}

/// Whether a clause says which value the index's column has, or with `or_array` which ones.
///
/// # Safety
/// Nodes of the planner.
unsafe fn is_equality(
    clause: *mut pg_sys::Node,
    index: *mut pg_sys::IndexOptInfo,
    column: i32,
    or_array: bool,
) -> bool {
    // SAFETY: the planner's structures, read as it reads them itself.
    unsafe {
        let (operator, arguments) = if let Some(other) = as_node!(clause, T_OpExpr, OpExpr) {
            (other.opno, other.args)
        } else if let Some(other) = as_node!(clause, T_ScalarArrayOpExpr, ScalarArrayOpExpr)
            && other.useOr
            && or_array
        {
            (other.opno, other.args)
        } else {
            return false;
        };
        let is_column = |node| pg_sys::match_index_to_operand(node, column, index);
        let sides: Vec<_> = nodes(arguments).collect();
        let [left, right] = sides[..] else { return false };
        let family = *(*index).opfamily.add(column as usize);
        pg_sys::get_op_opfamily_strategy(operator, family) == pg_sys::BTEqualStrategyNumber as i32
            && ((is_column(left) && is_known_beforehand(right))
                || (is_column(right) && is_known_beforehand(left)))
    }
}

/// The array of the tenants: `saas.permitted_tenant_ids(permission)`, or for users in many tenants
/// `(saas.permitted_tenants(permission)).permitted_tenant_ids`. `None` if whoever plans may not call it.
///
/// The planner estimates the first by computing it and looking each element up. That is as it should
/// be for a few. For many it takes longer than most queries, and would make plans that serve none but
/// those users, while a plan may be kept for whoever comes next: the second it takes for ten tenants.
///
/// # Safety
/// Nodes of the planner.
unsafe fn permitted_tenant_ids(
    root: *mut pg_sys::PlannerInfo,
    call: &pg_sys::FuncExpr,
    permission: *mut pg_sys::Node,
) -> Option<*mut pg_sys::Node> {
    // SAFETY: nodes as the parser makes them of the same text.
    unsafe {
        let are_many = estimate::permitted(pg_sys::estimate_expression_value(root, permission))
            .is_some_and(|(scope, permission)| {
                check::array_ids(&scope.array(permission)).len() > FEW
            });
        let (name, result) = if are_many {
            (c"permitted_tenants", pg_sys::RECORDOID)
        } else {
            (c"permitted_tenant_ids", pg_sys::UUIDARRAYOID)
        };
        let array = pg_sys::makeFuncExpr(
            callable(call.funcid, name)?,
            result,
            pg_sys::lappend(null_mut(), permission.cast()),
            pg_sys::InvalidOid,
            call.inputcollid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        );
        if !are_many {
            return Some(array.cast());
        }
        let field = pg_sys::palloc0(size_of::<pg_sys::FieldSelect>()).cast::<pg_sys::FieldSelect>();
        (*field).xpr.type_ = pg_sys::NodeTag::T_FieldSelect;
        (*field).arg = array.cast();
        (*field).fieldnum = 1;
        (*field).resulttype = pg_sys::UUIDARRAYOID;
        (*field).resulttypmod = -1;
        Some(field.cast())
    }
}

/// The function of this name and one text in the schema of `function`, if whoever plans may call it.
///
/// # Safety
/// The oid of a function that exists.
unsafe fn callable(function: pg_sys::Oid, name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: catalog look-ups.
    unsafe {
        let schema = pg_sys::get_namespace_name(pg_sys::get_func_namespace(function));
        if schema.is_null() {
            return None;
        }
        let mut full_name = null_mut();
        for part in [schema.cast_const(), name.as_ptr()] {
            full_name = pg_sys::lappend(full_name, pg_sys::makeString(part.cast_mut()).cast());
        }
        let types = [pg_sys::TEXTOID];
        let found = pg_sys::LookupFuncName(full_name, 1, types.as_ptr(), true);
        let (user, execute) = (pg_sys::GetUserId(), pg_sys::ACL_EXECUTE.into());
        #[cfg(feature = "pg15")]
        let may = |oid| pg_sys::pg_proc_aclcheck(oid, user, execute);
        #[cfg(not(feature = "pg15"))]
        let may = |oid| pg_sys::object_aclcheck(pg_sys::ProcedureRelationId, oid, user, execute);
        (found != pg_sys::InvalidOid && may(found) == pg_sys::AclResult::ACLCHECK_OK)
            .then_some(found)
    }
}
