//! A document as a page to print: HTML without a script, and nothing in it that a tenant typed means anything to a browser.

use super::money;
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
/// Nothing is fetched, run or sent, whatever is in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page of what `documents/invoice.sql` or `documents/credit_note.sql` tells.
pub fn page(document: &Value) -> String {
    let exponent = document["exponent"].as_u64().unwrap_or(2).min(9) as usize;
    let page = Page { document, exponent };
    let title = format!("{} {}", page.title(), page.number());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{header}{parties}{lines}{sums}{notes}</body>\n</html>\n",
        title = escape(&title),
        header = page.header(),
        parties = page.parties(),
        lines = page.lines(),
        sums = page.sums(),
        notes = page.notes(),
    )
}

/// What a browser takes for nothing but text, in an element or a quoted attribute. Characters that turn the direction of
/// text around, or that nobody sees, are left out: what is read is what is there.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

struct Page<'a> {
    document: &'a Value,
    exponent: usize,
}

impl Page<'_> {
    fn text(&self, key: &str) -> &str {
        self.document[key].as_str().unwrap_or_default()
    }

    fn title(&self) -> &'static str {
        match self.text("kind") {
            "credit_note" => "Credit note",
            _ => "Invoice",
        }
    }

    fn number(&self) -> &str {
        match self.text("number") {
            "" => "(draft)",
            number => number,
        }
    }

    /// An amount with its currency.
    fn money(&self, minor: &Value) -> String {
        let amount = money::amount(minor.as_i64().unwrap_or(0), self.exponent);
        format!("{amount}\u{a0}{}", escape(self.text("currency")))
    }

    fn header(&self) -> String {
        let mut facts = String::new();
        for (label, key) in [
            ("Issued", "issued_on"),
            ("Due", "due_on"),
            ("Paid", "paid_on"),
            ("Period", "period"),
            ("For invoice", "invoice_number"),
            ("Replaces", "replaces"),
        ] {
            let value = self.text(key);
            if !value.is_empty() {
                let _ = write!(facts, "<dt>{label}</dt><dd>{}</dd>", escape(value));
            }
        }
        let state = match self.text("status") {
            "" | "open" | "failed" => String::new(),
            status => format!("<span class=\"state\">{}</span>", escape(status)),
        };
        format!(
            "<header><div><h1>{} {}</h1>{state}</div><dl class=\"facts\">{facts}</dl></header>\n",
            self.title(),
            escape(self.number()),
        )
    }

    fn parties(&self) -> String {
        format!(
            "<div class=\"parties\">{}{}</div>\n",
            party("From", &self.document["issuer"]),
            party("To", &self.document["bill_to"])
        )
    }

    fn lines(&self) -> String {
        let mut rows = String::new();
        for line in list(&self.document["lines"]) {
            let text = |key: &str| line[key].as_str().unwrap_or_default();
            let days = match text("period") {
                "" => String::new(),
                days => format!("<small>{}</small>", escape(days)),
            };
            let percent = match text("tax_percent") {
                "" => String::new(),
                percent => format!("{}\u{a0}%", escape(percent)),
            };
            let _ = writeln!(
                rows,
                "<tr><td dir=\"auto\">{}{days}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{percent}</td><td class=\"n\">{}</td></tr>",
                escape(text("description")),
                escape(&money::unit(text("quantity"), 0)),
                escape(&money::unit(text("unit_amount"), self.exponent)),
                money::amount(line["amount"].as_i64().unwrap_or(0), self.exponent),
            );
        }
        format!(
            "<table><thead><tr><th>Description</th><th class=\"n\">Quantity</th><th class=\"n\">Unit price</th><th class=\"n\">Tax</th><th class=\"n\">Amount ({})</th></tr></thead>\n<tbody>\n{rows}</tbody></table>\n",
            escape(self.text("currency"))
        )
    }

    fn sums(&self) -> String {
        let row = |class: &str, label: &str, amount: String| {
            format!("<tr{class}><td dir=\"auto\">{label}</td><td class=\"n\">{amount}</td></tr>\n")
        };
        let mut rows = row("", "Sum", self.money(&self.document["sum"]));
        for tax in list(&self.document["taxes"]) {
            let contained = if tax["is_contained"] == true { ", contained" } else { "" };
            let label = format!(
                "{}{contained}<small>of {}</small>",
                escape(tax["description"].as_str().unwrap_or_default()),
                self.money(&tax["taxable_amount"])
            );
            rows += &row("", &label, self.money(&tax["amount"]));
        }
        for (label, key) in [("Credits used", "credits_used"), ("Credit notes", "credited")] {
            let amount = self.document[key].as_i64().unwrap_or(0);
            if amount != 0 {
                let less =
                    amount.checked_neg().map_or_else(|| self.document[key].clone(), Value::from);
                rows += &row("", label, self.money(&less));
            }
        }
        let label = match self.text("kind") {
            "credit_note" => "Credited",
            _ if matches!(self.text("status"), "paid" | "void") => "Total",
            _ => "Total due",
        };
        rows += &row(" class=\"total\"", label, self.money(&self.document["total"]));
        format!("<table class=\"sums\"><tbody>\n{rows}</tbody></table>\n")
    }

    fn notes(&self) -> String {
        let notes: String = list(&self.document["notes"])
            .iter()
            .filter_map(Value::as_str)
            .map(|note| format!("<p dir=\"auto\">{}</p>", escape(note)))
            .collect();
        if notes.is_empty() { notes } else { format!("<div class=\"notes\">{notes}</div>\n") }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn party(label: &str, details: &Value) -> String {
    let text = |key: &str| details[key].as_str().unwrap_or_default();
    let mut rest = String::new();
    for (label, key) in [("", "address"), ("", "country"), ("Tax ID: ", "tax_id"), ("", "email")] {
        if !text(key).is_empty() {
            let _ = write!(rest, "<span class=\"lines\">{label}{}</span><br>", escape(text(key)));
        }
    }
    format!(
        "<div class=\"party\" dir=\"auto\"><p class=\"label\">{label}</p><b>{}</b>{rest}</div>",
        escape(text("name"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn with(text: &str) -> String {
        page(&json!({
            "kind": "invoice", "number": text, "status": text, "currency": text, "exponent": 2, "issued_on": text, "period": text,
            "issuer": {"name": text, "address": text, "tax_id": text}, "bill_to": {"name": text, "email": text},
            "lines": [{"description": text, "quantity": text, "unit_amount": text, "period": text, "tax_percent": text, "amount": 5}],
            "taxes": [{"description": text, "taxable_amount": 1, "amount": 2}], "sum": 5, "total": 7, "notes": [text],
        }))
    }

    #[test]
    fn what_is_typed_is_text() {
        for attack in [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "</style><script>",
            "'-alert(1)-'",
            "&lt;b&gt;",
        ] {
            let page = with(attack);
            assert!(!page.contains(attack), "{attack}");
            assert!(page.contains(&escape(attack)), "{attack}");
        }
        assert_eq!(escape("a\u{202e}b\u{0}c\u{7}\nd"), "abc\nd");
    }

    proptest! {
        /// However a text is put together: the page has the tags of an empty one.
        #[test]
        fn no_text_makes_a_tag(text in "[<>&\"'/a-z =!-]{0,30}") {
            let tags = |page: &str| page.matches('<').count();
            prop_assert_eq!(tags(&with(&format!("x{text}"))), tags(&with("x")));
        }
    }

    #[test]
    fn an_empty_document_is_a_page() {
        assert!(page(&json!({})).contains("Invoice (draft)"));
        assert!(page(&json!(null)).ends_with("</html>\n"));
    }
}
