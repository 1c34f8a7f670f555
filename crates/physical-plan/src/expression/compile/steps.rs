//! What there is to do for each node, and in which order.

use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_kernels::compare::CompareOp;
use esker_kernels::in_list::InSet;
use esker_logical_expr::tree::TreeNode;
use esker_logical_expr::{AggregateCall, Between, Binary, BinaryOp, Case, Expr, Unary, UnaryOp};

use super::super::rows::Logic;
use super::{Compiler, unbalanced};

/// What is left to do, the next step last.
pub(super) enum Step<'e> {
    /// Make an expression's value. In tail position nobody needs the selection afterwards.
    Value { expr: &'e Expr, tail: bool },
    /// Narrow the selection to the rows where a predicate is TRUE.
    Filter(&'e Expr),
    /// Compute a node from its operands.
    Apply { node: &'e Expr, args: usize },
    /// Look a value up in a prepared set.
    Lookup {
        node: &'e Expr,
        set: Arc<InSet>,
        negated: bool,
    },
    /// After the first term of a chain.
    ChainOpen { tail: bool },
    /// Before each other term.
    ChainNarrow { logic: Logic, lazy: bool },
    /// After it.
    ChainCombine { logic: Logic },
    /// After the last term.
    ChainClose,
    /// Before the first condition of a `CASE`.
    CaseOpen { tail: bool },
    /// After a condition.
    CaseSplit,
    /// After the value of a branch.
    CaseNext,
    /// Before the value of `ELSE`.
    CaseElse,
    /// After it.
    CaseElseDone,
    /// After everything.
    CaseClose { out: &'e Expr },
    /// After the condition of a `CASE` of one branch and its two values.
    Choose { out: &'e Expr },
    /// Keep the rows where a comparison is TRUE.
    KeepCompare { node: &'e Expr, op: CompareOp },
    /// Keep the rows where a value lies between two others.
    KeepBetween { node: &'e Expr },
    /// Keep the rows where the last value is TRUE.
    Keep,
}

impl Compiler<'_, '_> {
    /// The steps that make a value.
    pub(super) fn value<'t>(
        &mut self,
        expr: &'t Expr,
        tail: bool,
        steps: &mut Vec<Step<'t>>,
    ) -> Result<()> {
        match expr {
            Expr::Column(column) => {
                let operand = self.shared.column(column)?;
                self.operands.push(operand);
            }
            Expr::Literal(value) => {
                let operand = self.shared.literal(value);
                self.operands.push(operand);
            }
            Expr::Binary(Binary {
                op: BinaryOp::And, ..
            }) => {
                self.chain(&expr.terms(BinaryOp::And), Logic::And, tail, steps)?;
            }
            Expr::Binary(Binary {
                op: BinaryOp::Or, ..
            }) => {
                self.chain(&expr.terms(BinaryOp::Or), Logic::Or, tail, steps)?;
            }
            Expr::Case(case) => case_steps(expr, case, tail, steps),
            Expr::InList(list) => match self.shared.set(expr, list)? {
                Some(set) => {
                    steps.push(Step::Value {
                        expr: &list.expr,
                        tail: false,
                    });
                    steps.push(Step::Lookup {
                        node: expr,
                        set,
                        negated: list.negated,
                    });
                }
                None => apply_steps(expr, steps),
            },
            Expr::Aggregate(AggregateCall { function, .. }) => {
                return Err(Error::internal(format!(
                    "the aggregate {}() outside of an aggregation",
                    function.name()
                )));
            }
            Expr::Alias(_)
            | Expr::Binary(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::Between(_)
            | Expr::Function(_) => apply_steps(expr, steps),
        }
        Ok(())
    }

    /// The steps of a chain of terms: each is computed for the rows that those before it have left
    /// undecided.
    fn chain<'t>(
        &mut self,
        terms: &[&'t Expr],
        logic: Logic,
        tail: bool,
        steps: &mut Vec<Step<'t>>,
    ) -> Result<()> {
        for (i, &expr) in terms.iter().enumerate() {
            if i == 0 {
                steps.push(Step::Value { expr, tail: false });
                steps.push(Step::ChainOpen { tail });
                continue;
            }
            let lazy = self.shared.facts(expr)?.cheap;
            steps.push(Step::ChainNarrow { logic, lazy });
            steps.push(Step::Value {
                expr,
                tail: i + 1 == terms.len(),
            });
            steps.push(Step::ChainCombine { logic });
        }
        steps.push(Step::ChainClose);
        Ok(())
    }

    /// The steps that keep the rows where a predicate is TRUE.
    pub(super) fn filter<'t>(&mut self, expr: &'t Expr, steps: &mut Vec<Step<'t>>) -> Result<()> {
        match expr {
            Expr::Binary(Binary {
                op: BinaryOp::And, ..
            }) => {
                steps.extend(expr.conjuncts().into_iter().map(Step::Filter));
            }
            Expr::Unary(Unary {
                op: UnaryOp::IsTrue,
                expr,
            }) => steps.push(Step::Filter(expr)),
            Expr::Literal(value) if value.as_bool() == Some(true) => {}
            Expr::Binary(Binary { op, left, right }) if op.as_compare().is_some() => {
                steps.push(Step::Value {
                    expr: left,
                    tail: false,
                });
                steps.push(Step::Value {
                    expr: right,
                    tail: false,
                });
                let op = op.as_compare().ok_or_else(unbalanced)?;
                steps.push(Step::KeepCompare { node: expr, op });
            }
            Expr::Between(Between {
                expr: value,
                low,
                high,
                negated: false,
            }) => {
                for expr in [value, low, high] {
                    steps.push(Step::Value { expr, tail: false });
                }
                steps.push(Step::KeepBetween { node: expr });
            }
            Expr::Column(_)
            | Expr::Literal(_)
            | Expr::Alias(_)
            | Expr::Binary(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::Case(_)
            | Expr::InList(_)
            | Expr::Between(_)
            | Expr::Function(_)
            | Expr::Aggregate(_) => {
                steps.push(Step::Value { expr, tail: false });
                steps.push(Step::Keep);
            }
        }
        Ok(())
    }
}

/// The steps that compute a node from all its children.
fn apply_steps<'t>(node: &'t Expr, steps: &mut Vec<Step<'t>>) {
    let mut args = 0;
    node.for_each_child(&mut |child| {
        args += 1;
        steps.push(Step::Value {
            expr: child,
            tail: false,
        });
    });
    steps.push(Step::Apply { node, args });
}

/// Whether there is nothing to compute: then no row needs to be spared.
fn is_leaf(expr: &Expr) -> bool {
    matches!(expr.unaliased(), Expr::Column(_) | Expr::Literal(_))
}

/// The steps of a `CASE`. One in the `ELSE` of another is more branches of that.
fn case_steps<'t>(node: &'t Expr, case: &'t Case, tail: bool, steps: &mut Vec<Step<'t>>) {
    if let ([(condition, value)], Some(otherwise)) = (case.branches.as_slice(), &case.otherwise)
        && is_leaf(value)
        && is_leaf(otherwise)
    {
        let value_of = |expr| Step::Value { expr, tail: false };
        steps.extend([condition, value, otherwise].map(|child| value_of(&**child)));
        steps.push(Step::Choose { out: node });
        return;
    }
    steps.push(Step::CaseOpen { tail });
    let mut case = case;
    loop {
        for (condition, value) in &case.branches {
            steps.push(Step::Value {
                expr: condition,
                tail: false,
            });
            steps.push(Step::CaseSplit);
            steps.push(Step::Value {
                expr: value,
                tail: true,
            });
            steps.push(Step::CaseNext);
        }
        match case
            .otherwise
            .as_ref()
            .map(|otherwise| otherwise.unaliased())
        {
            Some(Expr::Case(inner)) => case = inner,
            Some(otherwise) => {
                steps.push(Step::CaseElse);
                steps.push(Step::Value {
                    expr: otherwise,
                    tail: true,
                });
                steps.push(Step::CaseElseDone);
                break;
            }
            None => break,
        }
    }
    steps.push(Step::CaseClose { out: node });
}
