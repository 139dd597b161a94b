//! Price models: what a quantity costs, unrounded, and the lines that say why.
//!
//! A price is a function of the whole quantity of a period. What a late unit costs is therefore
//! `price(total) − price(billed)`, however the usage was cut before (see [`Model::breakdown_between`]).

mod parse;

use super::error::{BillingError, Result};
use super::rounding::{add, mul, round_together};
use rust_decimal::Decimal;

/// What was metered in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// In the feature's unit; for `percentage` the amount of money (minor units) that a share is taken of.
    pub quantity: Decimal,
    /// How many events made it up; only the fixed part of `percentage` looks at it.
    pub events: u64,
}

impl From<Decimal> for Metered {
    /// Where nobody counted, usage is one event and no usage is none.
    fn from(quantity: Decimal) -> Self {
        Self { quantity, events: u64::from(!quantity.is_zero()) }
    }
}

/// What a line of a breakdown is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Free units; their amount is zero.
    Included,
    /// Units at the one price there is.
    Unit,
    /// Units of the tier of this place, counted from 0.
    Tier(usize),
    /// The flat amount of the tier of this place, counted from 0.
    TierFlat(usize),
    /// Whole packages; the quantity counts packages.
    Package,
    /// The share of the metered amount; the unit amount is the share of one, not of a hundred.
    Percentage,
    /// The fixed part; the quantity counts events.
    PerEvent,
    /// The amount that is due whatever the quantity.
    Flat,
    /// What is missing to the minimum.
    Minimum,
    /// What goes beyond the maximum, as a discount: the amount is negative.
    Maximum,
}

/// One line of a breakdown: `quantity × unit_amount = amount`, in minor units, not rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// What it is for.
    pub kind: LineKind,
    /// How many.
    pub quantity: Decimal,
    /// Minor units for one.
    pub unit_amount: Decimal,
    /// Minor units for all.
    pub amount: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tier {
    /// The last quantity that belongs to the tier; `None`: there is no end.
    up_to: Option<Decimal>,
    unit_amount: Decimal,
    flat_amount: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Charge {
    PerUnit { unit_amount: Decimal },
    Graduated { tiers: Vec<Tier> },
    Volume { tiers: Vec<Tier> },
    Package { package_size: Decimal, amount: Decimal },
    Percentage { share: Decimal, fixed_amount: Decimal },
    Flat { amount: Decimal },
}

/// A valid price model. See [`Model::from_json`] for the forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    charge: Charge,
    /// Taken off the quantity before it is rated.
    free_units: Decimal,
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
}

type Sink<'a> = &'a mut dyn FnMut(Line);

impl Model {
    /// The simple plan: `included` units free, each further one at `overage_price` minor units; without a price they
    /// cost nothing.
    ///
    /// # Errors
    /// [`BillingError::Invalid`] if one is negative.
    pub fn included_overage(included: i64, overage_price: Option<Decimal>) -> Result<Self> {
        let unit_amount = overage_price.unwrap_or_default();
        if included < 0 || unit_amount < Decimal::ZERO {
            return Err(BillingError::invalid(
                format!("a plan can't include {included} units at {unit_amount} beyond them"),
                "Use zero or more for both.",
            ));
        }
        Ok(Self {
            charge: Charge::PerUnit { unit_amount },
            free_units: Decimal::from(included),
            minimum: None,
            maximum: None,
        })
    }

    /// The largest quantity that has a price: that of a last tier with an end, otherwise `None`.
    #[must_use]
    pub fn limit(&self) -> Option<Decimal> {
        match &self.charge {
            Charge::Graduated { tiers } | Charge::Volume { tiers } => tiers
                .last()
                .and_then(|tier| tier.up_to)
                .and_then(|up_to| add(up_to, self.free_units).ok()),
            _ => None,
        }
    }

    /// The price of a period's usage in minor units, not rounded: round once a line with
    /// [`round_minor`](super::rounding::round_minor).
    ///
    /// # Errors
    /// [`BillingError::Invalid`] for a negative quantity; [`BillingError::OutOfRange`] for one beyond the last tier, or if
    /// the price needs more than 28 digits.
    pub fn price(&self, usage: impl Into<Metered>) -> Result<Decimal> {
        self.visit(usage.into(), &mut |_| ())
    }

    /// The lines of that price; they sum to it exactly. Lines without a quantity are left out.
    ///
    /// # Errors
    /// As [`Model::price`].
    pub fn breakdown(&self, usage: impl Into<Metered>) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        self.visit(usage.into(), &mut |line| lines.push(line))?;
        Ok(lines)
    }

    /// The lines of that price in whole minor units: they sum to the price, rounded once. What is free is left out.
    ///
    /// # Errors
    /// As [`Model::price`]; [`BillingError::OutOfRange`] beyond bigint.
    pub fn billed(&self, usage: impl Into<Metered>) -> Result<Vec<(Line, i64)>> {
        let mut lines = self.breakdown(usage)?;
        lines.retain(|line| line.kind != LineKind::Included);
        let exact: Vec<Decimal> = lines.iter().map(|line| line.amount).collect();
        Ok(lines.into_iter().zip(round_together(&exact)?).collect())
    }

    /// What a line is for, in words: of a tier the units that belong to it, the free ones counted with them.
    ///
    /// # Errors
    /// [`BillingError::OutOfRange`] if a tier's end needs more than 28 digits.
    pub fn describe(&self, kind: LineKind) -> Result<String> {
        Ok(match kind {
            LineKind::Tier(place) => self.units_of(place)?,
            LineKind::TierFlat(place) => format!("{}, flat amount", self.units_of(place)?),
            LineKind::Minimum => "minimum".to_owned(),
            LineKind::Maximum => "beyond the maximum".to_owned(),
            _ => "all".to_owned(),
        })
    }

    fn units_of(&self, place: usize) -> Result<String> {
        let (Charge::Graduated { tiers } | Charge::Volume { tiers }) = &self.charge else {
            return Ok("all".to_owned());
        };
        let end = |place: usize| tiers.get(place).and_then(|tier| tier.up_to);
        let over = place.checked_sub(1).and_then(end).unwrap_or_default();
        let over = add(over, self.free_units)?;
        let up_to = end(place).map(|up_to| add(up_to, self.free_units)).transpose()?;
        Ok(match up_to {
            None if over.is_zero() => "all".to_owned(),
            Some(up_to) if over.is_zero() => format!("up to {up_to}"),
            None => format!("over {over}"),
            Some(up_to) => format!("over {over} up to {up_to}"),
        })
    }

    /// The lines by which `total` costs more (or less: a volume price can fall) than `billed`, which was billed before:
    /// they sum to `price(total) − price(billed)`.
    ///
    /// # Errors
    /// As [`Model::price`].
    pub fn breakdown_between(
        &self,
        billed: impl Into<Metered>,
        total: impl Into<Metered>,
    ) -> Result<Vec<Line>> {
        let mut lines = self.breakdown(total)?;
        for before in self.breakdown(billed)? {
            match lines.iter_mut().find(|line| line.kind == before.kind) {
                None => lines.push(Line {
                    quantity: -before.quantity,
                    amount: -before.amount,
                    ..before
                }),
                // Bounds count nothing: their one unit is the amount.
                Some(line) if matches!(line.kind, LineKind::Minimum | LineKind::Maximum) => {
                    line.amount = add(line.amount, -before.amount)?;
                    line.unit_amount = line.amount;
                }
                Some(line) => {
                    line.quantity = add(line.quantity, -before.quantity)?;
                    line.amount = add(line.amount, -before.amount)?;
                }
            }
        }
        lines.retain(|line| {
            !line.quantity.is_zero() && (line.kind == LineKind::Included || !line.amount.is_zero())
        });
        Ok(lines)
    }

    /// Hands out the lines and returns their sum: price and breakdown can't differ.
    fn visit(&self, usage: Metered, sink: Sink) -> Result<Decimal> {
        if usage.quantity < Decimal::ZERO {
            return Err(BillingError::invalid(
                format!("a quantity can't be negative: {}", usage.quantity),
                "Rate the corrected total of the period, and bill the difference.",
            ));
        }
        let included = self.free_units.min(usage.quantity);
        let rated = add(usage.quantity, -included)?;
        let mut lines = Lines { sink, total: Decimal::ZERO };
        lines.add(LineKind::Included, included, Decimal::ZERO)?;
        match &self.charge {
            Charge::PerUnit { unit_amount } => lines.add(LineKind::Unit, rated, *unit_amount)?,
            Charge::Graduated { tiers } => lines.graduated(tiers, rated)?,
            Charge::Volume { tiers } => {
                let (place, tier) = tiers
                    .iter()
                    .enumerate()
                    .find(|(_, tier)| tier.up_to.is_none_or(|up_to| rated <= up_to))
                    .ok_or_else(|| beyond_tiers(rated))?;
                lines.add(LineKind::Tier(place), rated, tier.unit_amount)?;
                lines.add_flat(LineKind::TierFlat(place), tier.flat_amount)?;
            }
            Charge::Package { package_size, amount } => {
                lines.add(LineKind::Package, packages(rated, *package_size)?, *amount)?;
            }
            Charge::Percentage { share, fixed_amount } => {
                lines.add(LineKind::Percentage, rated, *share)?;
                if !fixed_amount.is_zero() {
                    lines.add(LineKind::PerEvent, usage.events.into(), *fixed_amount)?;
                }
            }
            Charge::Flat { amount } => lines.add_flat(LineKind::Flat, *amount)?,
        }
        if let Some(minimum) = self.minimum.filter(|minimum| lines.total < *minimum) {
            lines.add_flat(LineKind::Minimum, add(minimum, -lines.total)?)?;
        }
        if let Some(maximum) = self.maximum.filter(|maximum| lines.total > *maximum) {
            lines.add_flat(LineKind::Maximum, add(maximum, -lines.total)?)?;
        }
        Ok(lines.total)
    }
}

struct Lines<'a> {
    sink: Sink<'a>,
    total: Decimal,
}

impl Lines<'_> {
    fn add(&mut self, kind: LineKind, quantity: Decimal, unit_amount: Decimal) -> Result<()> {
        if quantity.is_zero() {
            return Ok(());
        }
        let amount = mul(quantity, unit_amount)?;
        self.total = add(self.total, amount)?;
        (self.sink)(Line { kind, quantity, unit_amount, amount });
        Ok(())
    }

    fn add_flat(&mut self, kind: LineKind, amount: Decimal) -> Result<()> {
        if amount.is_zero() { Ok(()) } else { self.add(kind, Decimal::ONE, amount) }
    }

    fn graduated(&mut self, tiers: &[Tier], rated: Decimal) -> Result<()> {
        let mut from = Decimal::ZERO;
        for (place, tier) in tiers.iter().enumerate() {
            // The first tier is entered by having the plan, each further one by its first unit.
            if place > 0 && rated <= from {
                return Ok(());
            }
            let until = tier.up_to.map_or(rated, |up_to| up_to.min(rated));
            self.add(LineKind::Tier(place), add(until, -from)?, tier.unit_amount)?;
            self.add_flat(LineKind::TierFlat(place), tier.flat_amount)?;
            from = until;
        }
        if from < rated { Err(beyond_tiers(rated)) } else { Ok(()) }
    }
}

fn beyond_tiers(rated: Decimal) -> BillingError {
    BillingError::out_of_range(
        format!("the price model's last tier ends below {rated}"),
        "Let the last tier's \"up_to\" be null.",
    )
}

/// A begun package is due as a whole. By remainder, since a quotient cut at 28 digits could hide the begun one.
fn packages(rated: Decimal, size: Decimal) -> Result<Decimal> {
    let too_many = || {
        BillingError::out_of_range(
            "too many packages to count exactly",
            "Use a larger package_size.",
        )
    };
    let begun = rated.checked_rem(size).ok_or_else(too_many)?;
    let whole = add(rated, -begun)?.checked_div(size).ok_or_else(too_many)?;
    if !whole.fract().is_zero() {
        return Err(too_many());
    }
    add(whole, if begun.is_zero() { Decimal::ZERO } else { Decimal::ONE })
}

#[cfg(test)]
mod tests;
