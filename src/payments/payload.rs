//! A jsonb argument that nobody here reads.

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::nullable::Nullable;
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;

/// The value as PostgreSQL holds it, to hand on to a statement. `pgrx::JsonB` parses it, and panics on
/// what jsonb may hold and serde_json refuses: deep nesting, numbers beyond a double.
///
/// Lives no longer than the call that it is an argument of.
#[derive(Clone, Copy)]
pub struct Payload(pg_sys::Datum);

impl FromDatum for Payload {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Payload> {
        (!is_null).then_some(Payload(datum))
    }
}

impl IntoDatum for Payload {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the SQL type below is jsonb, and its datum is only copied.
unsafe impl<'fcx> ArgAbi<'fcx> for Payload {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Payload {
        // SAFETY: the caller passes an argument of type jsonb.
        let payload = unsafe { arg.unbox_arg_using_from_datum::<Payload>() };
        payload.unwrap_or(Payload(pg_sys::Datum::null()))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Payload> {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum::<Payload>() }.into()
    }
}

// SAFETY: says which SQL type the implementations above are for.
unsafe impl SqlTranslatable for Payload {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Payload);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: std::result::Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: std::result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
