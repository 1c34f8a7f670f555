//! From trees to programs.
//!
//! The compiler walks a tree on a stack of its own: a [`Step`] is what is left to do. Registers are
//! given out as values come into being and taken back when they are used, which is once, so that a
//! program needs as many as there are values alive at the same time.

/// What there is to do.
mod steps;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use esker_datatypes::{DataType, Error, Result, ScalarValue, Schema, value_type};
use esker_kernels::in_list::InSet;
use esker_logical_expr::{ColumnRef, Expr, InList, Interval, cannot_fail, in_set};

use super::facts::{FactMap, Facts};
use super::instruction::{Code, Instruction, Operand};
use super::program::Program;
use steps::Step;

/// Compiles expressions; see [`Program::compile`].
pub(super) fn compile(exprs: &[&Expr], input: &Schema) -> Result<Program> {
    let mut facts = FactMap::default();
    for expr in exprs {
        facts.learn(expr, input)?;
    }
    let mut shared = Shared {
        input,
        facts,
        literals: Vec::new(),
        inputs: BTreeSet::new(),
        sets: HashMap::new(),
    };
    let mut values = Compiler::new(&mut shared);
    for (i, expr) in exprs.iter().enumerate() {
        // After the last one nobody needs the selection any more.
        values.run(Step::Value {
            expr,
            tail: i + 1 == exprs.len(),
        })?;
    }
    let values = values.finish();
    let mut types = Vec::with_capacity(exprs.len());
    let (mut fallible, mut cost) = (false, 0.0);
    for expr in exprs {
        let facts = shared.facts(expr)?;
        types.push(facts.data_type.clone());
        fallible |= facts.fallible && !proved(expr, input);
        cost += facts.cost;
    }
    let filter = match (exprs, types.as_slice()) {
        ([expr], [data_type]) if *value_type(data_type) == DataType::Boolean => {
            let mut filter = Compiler::new(&mut shared);
            filter.run(Step::Filter(expr))?;
            Some(filter.finish())
        }
        _ => None,
    };
    Ok(Program {
        exprs: exprs.iter().map(|&expr| expr.clone()).collect(),
        types,
        inputs: shared.inputs.into_iter().collect(),
        literals: shared.literals,
        values,
        filter,
        fallible,
        cost,
    })
}

/// Whether the ranges of the columns' types prove that the expression cannot fail.
fn proved(expr: &Expr, input: &Schema) -> bool {
    cannot_fail(expr, &|id| match input.field_of(id) {
        Some(field) => Interval::of_field(field),
        None => Interval::unknown(&DataType::Null),
    })
}

/// What the two codes of a program share.
struct Shared<'e> {
    input: &'e Schema,
    facts: FactMap,
    literals: Vec<ScalarValue>,
    inputs: BTreeSet<usize>,
    /// Prepared lists of `IN`, by the address of the node.
    sets: HashMap<*const Expr, Option<Arc<InSet>>>,
}

impl Shared<'_> {
    fn facts(&self, expr: &Expr) -> Result<&Facts> {
        self.facts
            .of(expr)
            .ok_or_else(|| Error::internal("an expression was not typed"))
    }

    fn column(&mut self, column: &ColumnRef) -> Result<Operand> {
        let id = column.id().ok_or_else(|| {
            Error::internal(format!("column '{}' is not resolved", column.name()))
        })?;
        let at = self.input.index_of(id).ok_or_else(|| {
            Error::internal(format!("column '{}' is not in the input", column.name()))
        })?;
        self.inputs.insert(at);
        Ok(Operand::Input(at))
    }

    fn literal(&mut self, value: &ScalarValue) -> Operand {
        self.literals.push(value.clone());
        Operand::Literal(self.literals.len() - 1)
    }

    /// The set of a list of literals.
    fn set(&mut self, node: &Expr, list: &InList) -> Result<Option<Arc<InSet>>> {
        let key = std::ptr::from_ref(node);
        if let Some(set) = self.sets.get(&key) {
            return Ok(set.clone());
        }
        let set = in_set(list).map_err(|e| e.in_expr(node))?.map(Arc::new);
        self.sets.insert(key, set.clone());
        Ok(set)
    }
}

/// A chain or a `CASE` that is being compiled.
enum Frame {
    Chain {
        so_far: usize,
        narrows: Vec<usize>,
        tail: bool,
    },
    Case {
        values: Vec<Operand>,
        split: usize,
        nexts: Vec<usize>,
        height: usize,
        tail: bool,
    },
}

struct Compiler<'s, 'e> {
    shared: &'s mut Shared<'e>,
    code: Code,
    /// The values made and not used yet.
    operands: Vec<Operand>,
    /// Registers that hold nothing.
    free: Vec<usize>,
    frames: Vec<Frame>,
    /// How many selections are put aside at this point of the program.
    height: usize,
}

impl<'s, 'e> Compiler<'s, 'e> {
    fn new(shared: &'s mut Shared<'e>) -> Self {
        Self {
            shared,
            code: Code::default(),
            operands: Vec::new(),
            free: Vec::new(),
            frames: Vec::new(),
            height: 0,
        }
    }

    fn finish(mut self) -> Code {
        self.code.results = self.operands;
        self.code
    }

    fn run<'t>(&mut self, first: Step<'t>) -> Result<()> {
        let mut steps = vec![first];
        while let Some(step) = steps.pop() {
            let at = steps.len();
            self.step(step, &mut steps)?;
            // Steps are pushed in the order in which they are to be done.
            if let Some(new) = steps.get_mut(at..) {
                new.reverse();
            }
        }
        Ok(())
    }

    fn step<'t>(&mut self, step: Step<'t>, steps: &mut Vec<Step<'t>>) -> Result<()> {
        match step {
            Step::Value { expr, tail } => self.value(expr.unaliased(), tail, steps)?,
            Step::Filter(expr) => self.filter(expr.unaliased(), steps)?,
            Step::Apply { node, args } => {
                let first = self.operands.len().saturating_sub(args);
                let args: Box<[Operand]> = self.operands.drain(first..).collect();
                args.iter().for_each(|&arg| self.release(arg));
                let (out, to) = (self.shared.facts(node)?.data_type.clone(), self.register());
                self.emit(Instruction::Apply {
                    node: node.clone(),
                    out,
                    args,
                    to,
                });
                self.operands.push(Operand::Register(to));
            }
            Step::Lookup { node, set, negated } => {
                let arg = self.used()?;
                let to = self.register();
                self.emit(Instruction::Lookup {
                    node: node.clone(),
                    set,
                    negated,
                    arg,
                    to,
                });
                self.operands.push(Operand::Register(to));
            }
            Step::ChainOpen { tail } => {
                let so_far = self.pinned()?;
                self.frames.push(Frame::Chain {
                    so_far,
                    narrows: Vec::new(),
                    tail,
                });
                self.save(tail);
            }
            Step::ChainNarrow { logic, lazy } => {
                let at = self.code.instructions.len();
                let Some(Frame::Chain {
                    so_far, narrows, ..
                }) = self.frames.last_mut()
                else {
                    return Err(unbalanced());
                };
                narrows.push(at);
                let so_far = *so_far;
                self.emit(Instruction::Narrow {
                    logic,
                    so_far,
                    lazy,
                    end: 0,
                });
            }
            Step::ChainCombine { logic } => {
                let term = self.used()?;
                let Some(Frame::Chain { so_far, .. }) = self.frames.last() else {
                    return Err(unbalanced());
                };
                let so_far = *so_far;
                self.emit(Instruction::Combine {
                    logic,
                    so_far,
                    term,
                });
            }
            Step::ChainClose => {
                let Some(Frame::Chain {
                    so_far,
                    narrows,
                    tail,
                }) = self.frames.pop()
                else {
                    return Err(unbalanced());
                };
                self.land(&narrows);
                self.restore(tail);
                self.operands.push(Operand::Register(so_far));
            }
            Step::CaseOpen { tail } => {
                self.save(tail);
                self.frames.push(Frame::Case {
                    values: Vec::new(),
                    split: 0,
                    nexts: Vec::new(),
                    height: self.height,
                    tail,
                });
            }
            Step::CaseSplit => {
                let condition = self.used()?;
                let at = self.emit(Instruction::Split { condition, skip: 0 });
                self.height += 2;
                if let Some(Frame::Case { split, .. }) = self.frames.last_mut() {
                    *split = at;
                }
            }
            Step::CaseNext => {
                let value = self.operands.pop().ok_or_else(unbalanced)?;
                let at = self.code.instructions.len();
                let Some(Frame::Case {
                    values,
                    split,
                    nexts,
                    ..
                }) = self.frames.last_mut()
                else {
                    return Err(unbalanced());
                };
                values.push(value);
                nexts.push(at);
                let split = *split;
                self.land(&[split]);
                self.emit(Instruction::Next { end: 0 });
                self.height -= 1;
            }
            Step::CaseElse => self.save(false),
            Step::CaseElseDone => {
                let value = self.operands.pop().ok_or_else(unbalanced)?;
                if let Some(Frame::Case { values, .. }) = self.frames.last_mut() {
                    values.push(value);
                }
            }
            Step::CaseClose { out } => {
                let Some(Frame::Case {
                    values,
                    nexts,
                    height,
                    tail,
                    ..
                }) = self.frames.pop()
                else {
                    return Err(unbalanced());
                };
                self.land(&nexts);
                values.iter().for_each(|&value| self.release(value));
                let total = values.len() > nexts.len();
                let (out, to) = (self.shared.facts(out)?.data_type.clone(), self.register());
                self.emit(Instruction::Merge {
                    values: values.into(),
                    height,
                    total,
                    out,
                    to,
                });
                self.height = height;
                self.restore(tail);
                self.operands.push(Operand::Register(to));
            }
            Step::Choose { out } => {
                let (otherwise, value, condition) = (self.used()?, self.used()?, self.used()?);
                let (out, to) = (self.shared.facts(out)?.data_type.clone(), self.register());
                self.emit(Instruction::Choose {
                    condition,
                    value,
                    otherwise,
                    out,
                    to,
                });
                self.operands.push(Operand::Register(to));
            }
            Step::KeepCompare { node, op } => {
                let (right, left) = (self.used()?, self.used()?);
                self.emit(Instruction::Compare {
                    node: node.clone(),
                    op,
                    left,
                    right,
                });
            }
            Step::KeepBetween { node } => {
                let (high, low, value) = (self.used()?, self.used()?, self.used()?);
                self.emit(Instruction::Between {
                    node: node.clone(),
                    value,
                    low,
                    high,
                });
            }
            Step::Keep => {
                let predicate = self.used()?;
                self.emit(Instruction::Keep { predicate });
            }
        }
        Ok(())
    }

    fn emit(&mut self, instruction: Instruction) -> usize {
        self.code.instructions.push(instruction);
        self.code.instructions.len() - 1
    }

    fn save(&mut self, tail: bool) {
        if !tail {
            self.emit(Instruction::Save);
            self.height += 1;
        }
    }

    fn restore(&mut self, tail: bool) {
        if !tail {
            self.emit(Instruction::Restore);
            self.height -= 1;
        }
    }

    /// Makes earlier jumps land at the next instruction.
    fn land(&mut self, jumps: &[usize]) {
        let here = self.code.instructions.len();
        for &jump in jumps {
            match self.code.instructions.get_mut(jump) {
                Some(Instruction::Narrow { end, .. } | Instruction::Next { end }) => *end = here,
                Some(Instruction::Split { skip, .. }) => *skip = here,
                _ => {}
            }
        }
    }

    fn register(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.code.registers += 1;
            self.code.registers - 1
        })
    }

    fn release(&mut self, operand: Operand) {
        if let Operand::Register(register) = operand {
            self.free.push(register);
        }
    }

    /// The last value, which the next instruction uses.
    fn used(&mut self) -> Result<Operand> {
        let operand = self.operands.pop().ok_or_else(unbalanced)?;
        self.release(operand);
        Ok(operand)
    }

    /// The last value, in a register that stays its own.
    fn pinned(&mut self) -> Result<usize> {
        match self.operands.pop().ok_or_else(unbalanced)? {
            Operand::Register(register) => Ok(register),
            from @ (Operand::Input(_) | Operand::Literal(_)) => {
                let to = self.register();
                self.emit(Instruction::Copy { from, to });
                Ok(to)
            }
        }
    }
}

fn unbalanced() -> Error {
    Error::internal("an expression was compiled out of step")
}
