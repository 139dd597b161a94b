//! Conditions of policies as PostgreSQL writes them out (`pg_get_expr`), read as far as lint needs it.

/// The conditions of which each has to hold: two in `(a AND b)`, one in anything else.
pub fn conjuncts(condition: &str) -> Vec<&str> {
    split(unwrap(condition), " AND ").into_iter().map(unwrap).collect()
}

/// A call of a function of schema `saas`.
#[derive(Debug, PartialEq)]
pub struct Call<'a> {
    pub function: &'a str,
    pub arguments: Vec<&'a str>,
}

impl<'a> Call<'a> {
    /// The call that `condition` is, and nothing else.
    pub fn whole(condition: &'a str) -> Option<Call<'a>> {
        let (call, length) = Call::at(condition)?;
        (length == condition.len()).then_some(call)
    }

    fn at(text: &'a str) -> Option<(Call<'a>, usize)> {
        let rest = text.strip_prefix("saas.")?;
        let open = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let inside = rest[open..].strip_prefix('(')?;
        let close = outside(inside).find(|(_, depth, c)| *depth == -1 && *c == ')')?.0;
        let arguments = split(&inside[..close], ", ");
        Some((Call { function: &rest[..open], arguments }, "saas.".len() + open + 1 + close + 1))
    }

    /// The permission that it asks for, when it is a constant: the last argument.
    pub fn permission(&self) -> Option<&'a str> {
        let key = self.arguments.last()?.strip_prefix('\'')?.strip_suffix("'::text")?;
        (!key.contains('\'') && asks_for_permission(self.function)).then_some(key)
    }

    /// For `has_tenant_permission(tenant, permission)`: what it asks about.
    pub fn tenant(&self) -> Option<&'a str> {
        let is_check = self.function == "has_tenant_permission" && self.arguments.len() == 2;
        is_check.then(|| self.arguments[0])
    }
}

fn asks_for_permission(function: &str) -> bool {
    [
        "has_tenant_permission",
        "has_system_permission",
        "require_tenant_permission",
        "require_system_permission",
        "authorized_tenant_id",
        "permitted_tenant_ids",
        "permitted_tenants",
        "members_with_permission",
    ]
    .contains(&function)
}

/// All calls of functions of schema `saas` in it, also inside of one another.
pub fn calls(condition: &str) -> Vec<Call<'_>> {
    let mut before = ' ';
    outside(condition)
        .filter(|(_, _, c)| {
            // The beginning of a name.
            let begins = *c == 's' && !(before.is_alphanumeric() || "_.\"$".contains(before));
            before = *c;
            begins
        })
        .filter_map(|(at, _, _)| Some(Call::at(&condition[at..])?.0))
        .collect()
}

/// The column that it is, as it is written but without its table: of `documents.tenant_id` the `tenant_id`.
pub fn column(expression: &str) -> Option<&str> {
    let name = split(expression, ".").pop()?;
    let is_quoted = name.len() > 2 && name.starts_with('"') && outside(name).next().is_none();
    let is_plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    (is_quoted || is_plain).then_some(name)
}

/// Without the parentheses around all of it.
pub fn unwrap(condition: &str) -> &str {
    let Some(inside) = condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return condition;
    };
    if outside(inside).any(|(_, depth, _)| depth < 0) {
        return condition;
    }
    unwrap(inside.trim())
}

fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for (at, depth, _) in outside(text) {
        if depth == 0 && at >= from && text[at..].starts_with(separator) {
            parts.push(&text[from..at]);
            from = at + separator.len();
        }
    }
    parts.push(&text[from..]);
    parts
}

/// The characters that are in no literal and no quoted name, with their place and the depth of parentheses after them.
fn outside(text: &str) -> impl Iterator<Item = (usize, i32, char)> {
    let (mut depth, mut quote) = (0, None);
    text.char_indices().filter_map(move |(at, c)| {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            // A quote inside is written twice, and so ends and begins one.
            (Some(q), _) if q == c => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => (),
        }
        (quote.is_none() && c != '\'' && c != '"').then_some((at, depth, c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_by_and_is_taken_apart() {
        assert_eq!(conjuncts("a"), ["a"]);
        assert_eq!(conjuncts("(a AND (b OR (c AND d)))"), ["a", "b OR (c AND d)"]);
        assert_eq!(
            conjuncts("((a = ' AND ') AND (\"x AND y\" = 1))"),
            ["a = ' AND '", "\"x AND y\" = 1"]
        );
        assert_eq!(conjuncts("(a OR b)"), ["a OR b"]);
        assert_eq!(conjuncts("(a) + (b)"), ["(a) + (b)"]);
        assert_eq!(conjuncts("(note = 'it''s (' AND b)"), ["note = 'it''s ('", "b"]);
        assert_eq!(conjuncts(""), [""]);
    }

    #[test]
    fn calls_are_found_wherever_they_are() {
        let condition = "((owner = saas.oneself()) OR saas.has_tenant_permission(COALESCE(a, b), 'x.y'::text) \
                         OR (note = 'saas.oneself()') OR othersaas.f(1) OR (x = ANY (saas.permitted_tenant_ids('z'::text))))";
        let found = calls(condition);
        let names: Vec<_> = found.iter().map(|call| (call.function, call.permission())).collect();
        assert_eq!(
            names,
            [
                ("oneself", None),
                ("has_tenant_permission", Some("x.y")),
                ("permitted_tenant_ids", Some("z"))
            ]
        );
        assert_eq!(found[1].arguments, ["COALESCE(a, b)", "'x.y'::text"]);
        assert_eq!(found[1].tenant(), Some("COALESCE(a, b)"));
        assert_eq!(found[2].tenant(), None);
        // Not a constant, and no permission.
        assert_eq!(
            Call::whole("saas.has_tenant_permission(tenant_id, key)").unwrap().permission(),
            None
        );
        assert_eq!(Call::whole("saas.uuid_v7('x'::text)").unwrap().permission(), None);
        assert_eq!(Call::whole("saas.has_tenant_permission(tenant_id, 'x'::text) IS TRUE"), None);
        assert_eq!(Call::whole("saas.has_tenant_permission(tenant_id"), None);
        assert_eq!(calls("saas."), []);
    }

    #[test]
    fn columns_are_named() {
        assert_eq!(column("tenant_id"), Some("tenant_id"));
        assert_eq!(column("documents.tenant_id"), Some("tenant_id"));
        assert_eq!(
            column("\"My docs\".\"The \"\"tenant.id\"\"\""),
            Some("\"The \"\"tenant.id\"\"\"")
        );
        for no in ["(tenant_id)::uuid", "COALESCE(a, b)", "", "'x'::text", "1", "\"a\" || b"] {
            assert_eq!(column(no), None, "{no}");
        }
    }

    proptest::proptest! {
        /// Whatever a policy says, reading it does not fail.
        #[test]
        fn nothing_breaks_it(text in "[saonADRN(). ,'\":_ä]{0,40}", other in ".*") {
            for text in [&text, &other, &format!("saas.has_tenant_permission({text}")] {
                conjuncts(text);
                calls(text).iter().for_each(|call| { call.permission(); call.tenant(); });
                column(text);
            }
        }
    }
}
