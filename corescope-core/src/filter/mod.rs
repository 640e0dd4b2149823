//! The packet filter language: one expression, the same verdict in the API list, the live feed,
//! exports and on the command line.
//!
//! ```
//! use corescope_core::filter;
//!
//! let filter = filter::parse(r#"type == "Channel Msg" && size >= 60 && age < 90m"#)?;
//! assert!(filter.warnings().is_empty());
//!
//! let error = filter::parse("hash == 2f0b001247a0").unwrap_err();
//! assert_eq!(error.column, 9);
//! assert_eq!(error.suggestion.as_deref(), Some("\"2f0b001247a0\""));
//! # Ok::<(), corescope_core::filter::FilterError>(())
//! ```
//!
//! # Grammar
//!
//! ```text
//! expr       := and ( "||" and )*
//! and        := not ( "&&" not )*
//! not        := "!" not | "(" expr ")" | term
//! term       := field                                    true when neither absent, 0, "" nor false
//!             | field op value
//!             | field "between" value value
//!             | field "in" "(" value ( "," value )* ")"
//!             | field "matches" "/" regex "/"
//!             | field ":" value                          == or contains, as suits the field
//!             | "has" field | "only" "my" | "near" "(" lat "," lon "," km ")"
//! op         := == != > < >= <= contains starts_with ends_with after before
//! value      := string | number | true | false | duration | bareword
//! ```
//!
//! Texts compare without case. A comparison with an *absent* field is false whatever the operator;
//! missing *text* reads as the empty text, and missing counts as 0. [`Field`] says which is which.
//!
//! A packet is anything that implements [`Fields`]. Stores that keep columns need not build one
//! per row: [`Filter::expr`] gives the tree to compile, [`Filter::plan`] what every match must
//! fulfil, for choosing an index.

mod ast;
mod error;
mod eval;
mod field;
mod grammar;
mod json;
mod lexical;
mod names;
mod plan;
mod text;

pub use ast::{Comparison, Expr, Leaf, Operand, Pattern, Test};
pub use error::{FilterError, Warning};
pub use eval::{Context, Fields, Value};
pub use field::{Field, PayloadPath};
pub use grammar::MAX_LEN;
pub use json::{JsonFields, json_value};
pub use names::{payload_type_label, payload_type_name, route_type_name};
pub use plan::{Plan, Requirement};
pub use text::Needle;

/// A parsed expression, ready to judge packets.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    source: Box<str>,
    expr: Expr,
    warnings: Vec<Warning>,
}

/// Parses an expression. A blank one matches everything.
///
/// # Errors
///
/// [`FilterError`] with the column of the mistake and, where one is likely, the mend.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut warnings = Vec::new();
    let expr = grammar::expression(text, &mut warnings)?;
    Ok(Filter { source: text.into(), expr, warnings })
}

impl Filter {
    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// What parses but surely is not what was meant, such as a field that does not exist.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether it is blank and lets everything through.
    pub fn is_everything(&self) -> bool {
        matches!(&self.expr, Expr::All(parts) if parts.is_empty())
    }

    /// The verdict on one packet.
    pub fn matches<F: Fields + ?Sized>(&self, packet: &F, context: &Context<'_>) -> bool {
        self.expr.matches(packet, context)
    }

    /// What every match must fulfil; for choosing an index.
    pub fn plan(&self, context: &Context<'_>) -> Plan<'_> {
        Plan::of(&self.expr, context)
    }

    /// Whether any term looks at this field.
    pub fn uses(&self, field: &Field) -> bool {
        self.expr.any_leaf(&mut |leaf| match leaf {
            Leaf::Comparison(c) => &c.field == field,
            Leaf::Mine => *field == Field::RoutedThrough,
            Leaf::From(_) | Leaf::Near { .. } => false,
        })
    }

    /// Whether any term looks into the decoded payload, which costs a decode.
    pub fn uses_payload(&self) -> bool {
        self.expr.any_leaf(&mut |leaf| match leaf {
            Leaf::Comparison(c) => matches!(c.field, Field::Payload(_)),
            Leaf::From(_) => true,
            Leaf::Near { .. } | Leaf::Mine => false,
        })
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
    }
}
