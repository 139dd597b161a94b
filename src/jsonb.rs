//! jsonb arguments.

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::nullable::Nullable;
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;

/// The value as PostgreSQL holds it, to hand on to a statement, or as text to parse with care. `pgrx::JsonB`
/// parses it itself, and panics on what jsonb may hold and serde_json refuses: deep nesting, numbers
/// beyond a double.
///
/// Lives no longer than the call that it is an argument of.
#[derive(Clone, Copy)]
pub struct Jsonb(pg_sys::Datum);

impl Jsonb {
    pub fn text(self) -> String {
        // SAFETY: the function has this signature; what it returns lives until the end of the call.
        let text = unsafe {
            pgrx::direct_function_call::<&std::ffi::CStr>(pg_sys::jsonb_out, &[Some(self.0)])
        };
        text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The value of a row that a statement returned, to outlive that statement.
    pub fn keep(self) -> Jsonb {
        // SAFETY: called while connected to SPI, with a jsonb of its result: copied to where the caller's memory is.
        Jsonb(unsafe { pg_sys::SPI_datumTransfer(self.0, false, -1) })
    }
}

impl FromDatum for Jsonb {
    // SAFETY: the datum is only copied, whatever it is.
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Jsonb> {
        (!is_null).then_some(Jsonb(datum))
    }
}

impl IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the SQL type below is jsonb, and its datum is only copied.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    // SAFETY: an argument of type jsonb, which is all that the SQL declaration allows.
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Jsonb {
        // SAFETY: the caller passes an argument of type jsonb.
        let value = unsafe { arg.unbox_arg_using_from_datum::<Jsonb>() };
        value.unwrap_or(Jsonb(pg_sys::Datum::null()))
    }

    // SAFETY: as above.
    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Jsonb> {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum::<Jsonb>() }.into()
    }
}

// SAFETY: the datum is a jsonb that lives until the end of the call.
unsafe impl BoxRet for Jsonb {
    // SAFETY: as above.
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

// SAFETY: says which SQL type the implementations above are for.
unsafe impl SqlTranslatable for Jsonb {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Jsonb);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: std::result::Result<SqlMappingRef, ArgumentError> =
        Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: std::result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
