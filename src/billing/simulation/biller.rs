//! Bills a simulated contract, day by day, with the pure engine; in the order of `sql/billing/invoice_lines.sql`.

use super::facts::{Contract, FEATURES, Fact};
use crate::billing::credit::{self, Draw, Lot};
use crate::billing::credit_note::{self, Group};
use crate::billing::discount::{self, Discount, Value};
use crate::billing::proration::{plan_change, prorate};
use crate::billing::rounding::{Taxable, round_minor, tax_by_rate, true_up};
use chrono::NaiveDate;
use rust_decimal::Decimal;

pub type Dates = (NaiveDate, NaiveDate);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Subscription,
    Seat,
    Proration,
    Usage,
    Minimum,
    Setup,
    Late,
    Discount,
    Tax,
    /// Takes a tax out again that the prices contain.
    Contained,
    Carried,
    Credit,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub kind: Kind,
    pub amount: i64,
    pub permille: i64,
    pub contains_tax: bool,
    /// The feature and the number of the period that it was used in.
    pub usage: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Invoice {
    pub period: Dates,
    pub lines: Vec<Line>,
    pub total: i64,
    /// What it added to the credits, since it could not owe.
    pub carried: i64,
    /// The lot that these are.
    given: Option<usize>,
    /// What it took of which lot.
    pub draws: Vec<Draw>,
    pub is_void: bool,
    pub is_paid: bool,
    /// After credit notes for all of it: what they left, with tax and of the tax.
    pub credited: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub delta: i64,
    pub balance_after: i64,
}

/// What a feature's usage of a closed period was billed as until now.
#[derive(Clone, Debug, Default)]
pub struct Rated {
    pub plan: usize,
    pub units: i64,
    pub amount: i64,
}

struct Coupon {
    value: Value,
    fees_only: bool,
    left: Option<usize>,
}

pub struct Biller<'a> {
    pub contract: &'a Contract,
    pub closed: Vec<Dates>,
    pub invoices: Vec<Invoice>,
    pub lots: Vec<Lot>,
    pub entries: Vec<Entry>,
    /// Of each closed period, its features.
    pub rated: Vec<Vec<Rated>>,
    /// Feature, day, units, in the order in which they came; and how many of them the last close has seen.
    pub used: Vec<(usize, NaiveDate, i64)>,
    pub seen: usize,
    pub voided_today: Option<Dates>,
    /// From which day on, plan and seats, and whether the change is charged by days.
    terms: Vec<(NaiveDate, (usize, i64), bool)>,
    waits: Option<(usize, i64)>,
    coupons: Vec<Coupon>,
    /// The charges and discounts of a void invoice, which the next day makes again.
    again: Option<(Dates, Vec<Line>)>,
}

impl<'a> Biller<'a> {
    pub fn new(contract: &'a Contract) -> Self {
        Biller {
            contract,
            closed: vec![],
            invoices: vec![],
            lots: vec![],
            entries: vec![],
            rated: vec![],
            used: vec![],
            seen: 0,
            voided_today: None,
            terms: vec![(contract.first_day, (0, contract.seats), false)],
            waits: None,
            coupons: vec![],
            again: None,
        }
    }

    pub fn terms_on(&self, day: NaiveDate) -> (usize, i64) {
        let on = self.terms.iter().rev().find(|terms| terms.0 <= day);
        on.map_or(self.terms[0].1, |terms| terms.1)
    }

    pub fn day(&mut self, day: NaiveDate, facts: &[Fact]) {
        self.voided_today = None;
        self.expire(day);
        if let Some((period, charges)) = self.again.take() {
            self.issue(period, charges, day);
        }
        let running = self.closed.last().map_or(self.contract.first_day, |closed| closed.1);
        let period = self.contract.period(running);
        if period.1 <= day {
            self.close(period, day);
            if let Some(terms) = self.waits.take() {
                self.terms.push((day, terms, false));
            }
        }
        for fact in facts {
            self.take(day, fact);
        }
    }

    fn take(&mut self, day: NaiveDate, fact: &Fact) {
        match *fact {
            Fact::Changed { plan, seats } => {
                self.waits = None;
                // Nothing is due for a day within the trial.
                self.terms.push((day, (plan, seats), day >= self.contract.trial_end));
            }
            Fact::Waits { plan, seats } => self.waits = Some((plan, seats)),
            Fact::Used { feature, day, units } => self.used.push((feature, day, units)),
            Fact::Granted { amount, priority, expires } => {
                let expires_at = expires.map(number);
                self.grant(Lot {
                    remaining: amount,
                    priority,
                    expires_at,
                    granted_at: number(day),
                });
            }
            Fact::Coupon { value, fees_only, invoices } => {
                self.coupons.push(Coupon { value, fees_only, left: invoices });
            }
            Fact::Collected { succeeds } => {
                if let Some(invoice) = self.invoices.last_mut().filter(|invoice| !invoice.is_void) {
                    invoice.is_paid |= succeeds;
                }
            }
            Fact::Voided => self.void(day),
            Fact::Credited { notes } => {
                if let Some(invoice) = self.invoices.last_mut().filter(|invoice| !invoice.is_void) {
                    credit_all(invoice, notes);
                }
            }
        }
    }

    fn close(&mut self, period: Dates, day: NaiveDate) {
        let mut lines = self.fees(period);
        self.rate(period, &mut lines);
        let terms = self.terms_on(period.1.pred_opt().unwrap());
        let paid_from = period.0.max(self.contract.trial_end);
        if paid_from < period.1 {
            let least = prorate(
                self.contract.plans[terms.0].minimum,
                self.contract.whole(period.0),
                (paid_from, period.1),
            );
            let charged = lines.iter().map(|line| line.amount).sum();
            let missing = true_up(least.unwrap(), charged).unwrap();
            if missing > 0 {
                lines.push(self.line(Kind::Minimum, missing));
            }
        }
        if self.closed.is_empty() && self.contract.setup > 0 {
            lines.push(self.line(Kind::Setup, self.contract.setup));
        }
        self.rate_late(&mut lines);
        self.closed.push(period);
        self.seen = self.used.len();
        self.discount(&mut lines);
        self.issue(period, lines, day);
    }

    /// The fee by the terms before the first change that is charged, and two lines a change.
    fn fees(&self, period: Dates) -> Vec<Line> {
        let whole = self.contract.whole(period.0);
        let used = (period.0.max(self.contract.trial_end), period.1);
        if used.0 >= used.1 {
            return vec![];
        }
        let changes: Vec<usize> = (1..self.terms.len())
            .filter(|at| {
                self.terms[*at].2 && self.terms[*at].0 >= used.0 && self.terms[*at].0 < used.1
            })
            .collect();
        let began = changes
            .first()
            .map_or_else(|| self.terms_on(used.1.pred_opt().unwrap()), |at| self.terms[at - 1].1);
        let value = |(plan, seats): (usize, i64)| {
            let plan = &self.contract.plans[plan];
            (plan.base, plan.seat * (seats - plan.included_seats).max(0))
        };
        let (base, seats) = value(began);
        let mut lines = vec![self.line(Kind::Subscription, prorate(base, whole, used).unwrap())];
        if seats > 0 {
            lines.push(self.line(Kind::Seat, prorate(seats, whole, used).unwrap()));
        }
        for at in changes {
            let (old, new) = (value(self.terms[at - 1].1), value(self.terms[at].1));
            let change =
                plan_change(old.0 + old.1, new.0 + new.1, whole, self.terms[at].0).unwrap();
            lines.push(self.line(Kind::Proration, change.credit));
            lines.push(self.line(Kind::Proration, change.debit));
        }
        lines
    }

    /// The period's usage until now, by the plan at its end.
    fn rate(&mut self, period: Dates, lines: &mut Vec<Line>) {
        let (plan, _) = self.terms_on(period.1.pred_opt().unwrap());
        let number = self.closed.len();
        let mut rated = Vec::new();
        for feature in 0..FEATURES {
            let units = self.units(feature, period);
            let amount = self.price(plan, feature, units);
            rated.push(Rated { plan, units, amount });
            if amount > 0 {
                lines.push(self.usage_line(Kind::Usage, amount, feature, number));
            }
        }
        self.rated.push(rated);
    }

    /// What came after its period was closed: the price of all, less the price of what was billed.
    fn rate_late(&mut self, lines: &mut Vec<Line>) {
        for number in 0..self.closed.len() {
            for feature in 0..FEATURES {
                let rated = self.rated[number][feature].clone();
                let units = self.units(feature, self.closed[number]);
                let amount = self.price(rated.plan, feature, units);
                if amount != rated.amount {
                    lines.push(self.usage_line(Kind::Late, amount - rated.amount, feature, number));
                }
                self.rated[number][feature] = Rated { plan: rated.plan, units, amount };
            }
        }
    }

    fn units(&self, feature: usize, period: Dates) -> i64 {
        let of_period = |used: &&(usize, NaiveDate, i64)| {
            used.0 == feature && used.1 >= period.0 && used.1 < period.1
        };
        self.used.iter().filter(of_period).map(|used| used.2).sum()
    }

    fn price(&self, plan: usize, feature: usize, units: i64) -> i64 {
        let model = &self.contract.plans[plan].prices[feature].model;
        round_minor(model.price(Decimal::from(units)).unwrap()).unwrap()
    }

    fn discount(&mut self, lines: &mut Vec<Line>) {
        let amounts: Vec<i64> = lines.iter().map(|line| line.amount).collect();
        let is_fee =
            |line: &Line| matches!(line.kind, Kind::Subscription | Kind::Seat | Kind::Proration);
        let live: Vec<usize> =
            (0..self.coupons.len()).filter(|at| self.coupons[*at].left != Some(0)).collect();
        let discounts: Vec<Discount> = live
            .iter()
            .map(|at| Discount {
                value: self.coupons[*at].value,
                applies: lines
                    .iter()
                    .map(|line| !self.coupons[*at].fees_only || is_fee(line))
                    .collect(),
            })
            .collect();
        let parts = discount::apply(&amounts, &discounts).unwrap();
        for part in &parts {
            let of = &lines[part.line];
            let line =
                Line { kind: Kind::Discount, amount: -part.amount, usage: None, ..of.clone() };
            lines.push(line);
        }
        for (place, at) in live.into_iter().enumerate() {
            if parts.iter().any(|part| part.discount == place) {
                self.coupons[at].left = self.coupons[at].left.map(|left| left - 1);
            }
        }
    }

    /// Taxes, and credits as far as there are some.
    fn issue(&mut self, period: Dates, charges: Vec<Line>, day: NaiveDate) {
        let mut lines = charges;
        let taxable: Vec<Taxable> = lines
            .iter()
            .map(|line| Taxable {
                amount: line.amount,
                percent: Decimal::new(line.permille, 1),
                inclusive: line.contains_tax,
            })
            .collect();
        for tax in tax_by_rate(&taxable).unwrap() {
            let permille = i64::try_from((tax.percent * Decimal::TEN).trunc().mantissa()).unwrap();
            let line = Line {
                kind: Kind::Tax,
                amount: tax.tax,
                permille,
                contains_tax: tax.inclusive,
                usage: None,
            };
            if tax.inclusive {
                lines.push(Line { kind: Kind::Contained, amount: -tax.tax, ..line.clone() });
            }
            lines.push(line);
        }
        let due: i64 = lines.iter().map(|line| line.amount).sum();
        let (mut carried, mut given, mut draws) = (0, None, vec![]);
        if due < 0 {
            (carried, given) = (-due, Some(self.lots.len()));
            lines.push(self.line(Kind::Carried, carried));
            self.grant(Lot {
                remaining: carried,
                priority: 50,
                expires_at: None,
                granted_at: number(day),
            });
        } else {
            draws = credit::draw(&self.lots, due, number(day)).unwrap();
            let used: i64 = draws.iter().map(|draw| draw.amount).sum();
            for draw in &draws {
                self.lots[draw.lot].remaining -= draw.amount;
            }
            if used > 0 {
                self.post(-used);
                lines.push(self.line(Kind::Credit, -used));
            }
        }
        let total = lines.iter().map(|line| line.amount).sum();
        self.invoices.push(Invoice {
            period,
            lines,
            total,
            carried,
            given,
            draws,
            is_void: false,
            is_paid: total == 0,
            credited: None,
        });
    }

    /// Only the newest, and only while nobody has paid it, credited it or used the credits that it gave.
    fn void(&mut self, day: NaiveDate) {
        let Some(invoice) = self.invoices.last_mut() else { return };
        let is_whole = |lot: usize| self.lots[lot].remaining == invoice.carried;
        let is_settled = invoice.is_paid && invoice.given.is_none();
        if invoice.is_void
            || is_settled
            || invoice.credited.is_some()
            || !invoice.given.is_none_or(is_whole)
        {
            return;
        }
        invoice.is_void = true;
        let (period, draws, given) = (invoice.period, invoice.draws.clone(), invoice.given);
        let charges =
            |kind| !matches!(kind, Kind::Tax | Kind::Contained | Kind::Carried | Kind::Credit);
        let charges = invoice.lines.iter().filter(|line| charges(line.kind)).cloned().collect();
        if let Some(lot) = given {
            self.post(-self.lots[lot].remaining);
            self.lots[lot].remaining = 0;
        }
        for draw in draws {
            let lot = self.lots[draw.lot];
            // One that has expired meanwhile gives for another day.
            let expires_at = lot.expires_at.map(|at| at.max(number(day) + 1));
            self.grant(Lot { remaining: draw.amount, expires_at, granted_at: number(day), ..lot });
        }
        self.voided_today = Some(period);
        self.again = Some((period, charges));
    }

    fn expire(&mut self, day: NaiveDate) {
        for at in 0..self.lots.len() {
            if self.lots[at].remaining > 0
                && self.lots[at].expires_at.is_some_and(|end| end <= number(day))
            {
                self.post(-self.lots[at].remaining);
                self.lots[at].remaining = 0;
            }
        }
    }

    fn grant(&mut self, lot: Lot) {
        self.post(lot.remaining);
        self.lots.push(lot);
    }

    fn post(&mut self, delta: i64) {
        let balance = self.entries.last().map_or(0, |entry| entry.balance_after);
        self.entries.push(Entry { delta, balance_after: balance + delta });
    }

    fn line(&self, kind: Kind, amount: i64) -> Line {
        let (permille, contains_tax) = match kind {
            Kind::Carried | Kind::Credit => (0, false),
            _ => self.contract.taxes[0],
        };
        Line { kind, amount, permille, contains_tax, usage: None }
    }

    fn usage_line(&self, kind: Kind, amount: i64, feature: usize, period: usize) -> Line {
        let (permille, contains_tax) = self.contract.taxes[1];
        Line { kind, amount, permille, contains_tax, usage: Some((feature, period)) }
    }
}

fn number(day: NaiveDate) -> i64 {
    crate::billing::period::civil_day_number(day).into()
}

/// Credits all of an invoice in so many notes, and keeps what they left.
fn credit_all(invoice: &mut Invoice, notes: i64) {
    let mut groups: Vec<((i64, bool), Group)> = Vec::new();
    for line in
        invoice.lines.iter().filter(|line| !matches!(line.kind, Kind::Credit | Kind::Carried))
    {
        let rate = (line.permille, line.contains_tax);
        let at = groups.iter().position(|group| group.0 == rate).unwrap_or_else(|| {
            groups.push((rate, Group { gross: 0, tax: 0, credited_gross: 0, credited_tax: 0 }));
            groups.len() - 1
        });
        groups[at].1.gross += line.amount;
        groups[at].1.tax += if line.kind == Kind::Tax { line.amount } else { 0 };
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|group| group.1).collect();
    let whole: i64 = groups.iter().map(|group| group.gross).sum();
    // One that takes more back at one rate than it charges is credited as a whole only.
    let notes = if groups.iter().any(|group| group.gross < 0) { 1 } else { notes };
    if whole < notes || invoice.credited.is_some() {
        return;
    }
    for note in 0..notes {
        let left: i64 = groups.iter().map(|group| group.gross - group.credited_gross).sum();
        let amount = left / (notes - note);
        let reversals = credit_note::reverse(&groups, amount).unwrap();
        for (group, back) in groups.iter_mut().zip(reversals) {
            group.credited_gross += back.gross;
            group.credited_tax += back.tax;
        }
    }
    invoice.credited = Some((
        groups.iter().map(|group| group.gross - group.credited_gross).sum(),
        groups.iter().map(|group| group.tax - group.credited_tax).sum(),
    ));
}
