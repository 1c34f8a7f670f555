//! The instructions of programs.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::DataType;
use esker_kernels::compare::CompareOp;
use esker_kernels::in_list::InSet;
use esker_logical_expr::Expr;

use super::rows::Logic;

/// Instructions, the registers they use and where the results are.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub(super) instructions: Vec<Instruction>,
    pub(super) registers: usize,
    pub(super) results: Vec<Operand>,
}

/// Where an instruction finds a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// In a register, from which it is taken: each value is used once.
    Register(usize),
    /// In the batch, at this position.
    Input(usize),
    /// Among the literals.
    Literal(usize),
}

/// One step of a program. Jumps go forward, to the index of an instruction.
pub(super) enum Instruction {
    /// Puts an operand into a register.
    Copy { from: Operand, to: usize },
    /// Computes one node.
    Apply {
        node: Expr,
        out: DataType,
        args: Box<[Operand]>,
        to: usize,
    },
    /// Looks values up in a set prepared by the compiler.
    Lookup {
        node: Expr,
        set: Arc<InSet>,
        negated: bool,
        arg: Operand,
        to: usize,
    },
    /// Puts the selection aside.
    Save,
    /// Returns to the selection put aside last.
    Restore,
    /// Drops the rows that the terms so far (in a register) have decided; jumps when none is left.
    Narrow {
        logic: Logic,
        so_far: usize,
        lazy: bool,
        end: usize,
    },
    /// Joins a term to those so far.
    Combine {
        logic: Logic,
        so_far: usize,
        term: Operand,
    },
    /// Goes on with the rows where a condition is TRUE, and puts those aside and above them the
    /// others; jumps when there is none.
    Split { condition: Operand, skip: usize },
    /// Goes on with the rows that took no branch so far; jumps when none is left.
    Next { end: usize },
    /// Makes the result of `CASE` of the values of its branches and the selections put aside from
    /// `height` on, in the same order. It is `total` when there is an `ELSE`.
    Merge {
        values: Box<[Operand]>,
        height: usize,
        total: bool,
        out: DataType,
        to: usize,
    },
    /// Makes the result of a `CASE` of one branch whose values need not be computed.
    Choose {
        condition: Operand,
        value: Operand,
        otherwise: Operand,
        out: DataType,
        to: usize,
    },
    /// Keeps the rows where a comparison is TRUE; ends when none is left.
    Compare {
        node: Expr,
        op: CompareOp,
        left: Operand,
        right: Operand,
    },
    /// Keeps the rows where a value lies between two others; ends when none is left.
    Between {
        node: Expr,
        value: Operand,
        low: Operand,
        high: Operand,
    },
    /// Keeps the rows where a predicate is TRUE; ends when none is left.
    Keep { predicate: Operand },
}

impl fmt::Debug for Instruction {
    /// The instruction without the text of its node, which may be as long as the program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { from, to } => write!(f, "{to} = {from:?}"),
            Self::Apply { args, to, .. } => write!(f, "{to} = apply {args:?}"),
            Self::Lookup { arg, to, .. } => write!(f, "{to} = lookup {arg:?}"),
            Self::Save => f.write_str("save"),
            Self::Restore => f.write_str("restore"),
            Self::Narrow {
                logic,
                so_far,
                lazy,
                end,
            } => {
                write!(
                    f,
                    "narrow {logic:?} by {so_far}, lazy={lazy}, else to {end}"
                )
            }
            Self::Combine {
                logic,
                so_far,
                term,
            } => write!(f, "{so_far} {logic:?}= {term:?}"),
            Self::Split { condition, skip } => write!(f, "split by {condition:?}, else to {skip}"),
            Self::Next { end } => write!(f, "next, else to {end}"),
            Self::Merge {
                values, height, to, ..
            } => {
                write!(f, "{to} = merge {values:?} from {height}")
            }
            Self::Choose {
                condition,
                value,
                otherwise,
                to,
                ..
            } => write!(f, "{to} = {value:?} if {condition:?} else {otherwise:?}"),
            Self::Compare {
                op, left, right, ..
            } => write!(f, "keep {left:?} {op:?} {right:?}"),
            Self::Between {
                value, low, high, ..
            } => {
                write!(f, "keep {value:?} between {low:?} and {high:?}")
            }
            Self::Keep { predicate } => write!(f, "keep {predicate:?}"),
        }
    }
}
