//! The name of the column that an expression makes.

use std::sync::Arc;

use esker_datatypes::Name;

use crate::expr::Expr;
use crate::tree;

/// The name that a sub-expression offers.
#[derive(Clone)]
enum Offer {
    /// That of a column, an aggregate or an alias.
    Column(Name),
    /// That of a function without a column.
    Function(Name),
    Nothing,
}

impl Expr {
    /// The name of the column that the expression makes: that of its left-most column, for an
    /// aggregate with the function's name behind it; a function without a column is its own name;
    /// the rest is `literal`. An [`alias`](Self::alias) overrides.
    ///
    /// ```
    /// use esker_logical_expr::{col, lit};
    /// assert_eq!((lit(2) * col("a") + col("b")).output_name(), "a");
    /// assert_eq!((lit(1) + 2).output_name(), "literal");
    /// ```
    pub fn output_name(&self) -> String {
        let offer = tree::fold(self, |node, children: &[Offer]| Ok(offer(node, children)));
        match offer {
            Ok(Offer::Column(name) | Offer::Function(name)) => name.to_string(),
            Ok(Offer::Nothing) | Err(_) => "literal".to_owned(),
        }
    }
}

fn offer(node: &Expr, children: &[Offer]) -> Offer {
    let column = children.iter().find_map(|child| match child {
        Offer::Column(name) => Some(name),
        Offer::Function(_) | Offer::Nothing => None,
    });
    match node {
        Expr::Column(column) => Offer::Column(Arc::clone(&column.name)),
        Expr::Alias(alias) => Offer::Column(Arc::clone(&alias.name)),
        Expr::Literal(_) => Offer::Nothing,
        Expr::Aggregate(call) => {
            let function = call.function.name();
            Offer::Column(match column {
                Some(column) => format!("{column}_{function}").into(),
                None => function.into(),
            })
        }
        Expr::Function(call) => match column {
            Some(column) => Offer::Column(Arc::clone(column)),
            None => Offer::Function(call.function.name().into()),
        },
        Expr::Binary(_)
        | Expr::Unary(_)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::Between(_) => {
            let first = || {
                children
                    .iter()
                    .find(|child| !matches!(child, Offer::Nothing))
            };
            match column {
                Some(column) => Offer::Column(Arc::clone(column)),
                None => first().cloned().unwrap_or(Offer::Nothing),
            }
        }
    }
}
