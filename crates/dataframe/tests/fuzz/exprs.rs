//! Random typed expressions, which mostly do not fail.

use crate::oracle::{
    ArithOp, CmpOp, Column, Decimal, Expr, Function, Random, Test, Type, Value, random_value,
};

/// Types that expressions of the same shape have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Bool,
    Int,
    Float,
    Decimal,
    Text,
    Date,
    Instant,
}

impl Class {
    pub(crate) const ALL: [Self; 7] = [
        Self::Bool,
        Self::Int,
        Self::Float,
        Self::Decimal,
        Self::Text,
        Self::Date,
        Self::Instant,
    ];

    pub(crate) fn of(data_type: Type) -> Self {
        match data_type {
            Type::Bool => Self::Bool,
            Type::Int { .. } => Self::Int,
            Type::Float32 | Type::Float64 => Self::Float,
            Type::Decimal(..) => Self::Decimal,
            Type::Text => Self::Text,
            Type::Date => Self::Date,
            Type::Instant => Self::Instant,
        }
    }

    /// The type of its literals.
    fn literal_type(self, random: &mut Random) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => *random.pick(&[Type::INT64, Type::INT64, Type::int(32), Type::int(8)]),
            Self::Float => Type::Float64,
            Self::Decimal => Type::Decimal(9, 2),
            Self::Text => Type::Text,
            Self::Date => Type::Date,
            Self::Instant => Type::Instant,
        }
    }
}

/// Makes expressions over columns.
pub(crate) struct Exprs<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) columns: &'a [Column],
}

impl Exprs<'_> {
    /// A class that some column has; any, if there is no column.
    pub(crate) fn class(&mut self) -> Class {
        let exact: Vec<Type> = self.exact().map(|column| column.data_type).collect();
        match exact.as_slice() {
            [] => *self.random.pick(&Class::ALL),
            types => Class::of(*self.random.pick(types)),
        }
    }

    fn exact(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.approximate)
    }

    /// A column of a class, if there is one.
    pub(crate) fn column(&mut self, class: Class) -> Option<Expr> {
        let names = self.exact().filter(|c| Class::of(c.data_type) == class);
        let names: Vec<String> = names.map(|column| column.name.clone()).collect();
        match names.as_slice() {
            [] => None,
            names => Some(Expr::Col(self.random.pick(names).clone())),
        }
    }

    /// A literal of a class; sometimes a null.
    pub(crate) fn literal(&mut self, class: Class) -> Expr {
        let data_type = class.literal_type(self.random);
        let value = match self.random.chance(5) {
            true => Value::Null,
            false => random_value(self.random, data_type),
        };
        Expr::Lit(value, data_type)
    }

    fn leaf(&mut self, class: Class) -> Expr {
        match self.random.chance(80) {
            true => self.column(class).unwrap_or_else(|| self.literal(class)),
            false => self.literal(class),
        }
    }

    /// An expression of a class, at most this deep.
    pub(crate) fn expr(&mut self, class: Class, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(30) {
            return self.leaf(class);
        }
        if self.random.chance(12) {
            return self.choice(class, depth - 1);
        }
        match class {
            Class::Bool => self.condition(depth),
            Class::Int => self.int(depth - 1),
            Class::Float => self.float(depth - 1),
            Class::Decimal => self.decimal(depth - 1),
            Class::Text if self.random.chance(50) => {
                let int = self.expr(Class::Int, depth - 1);
                Expr::Cast(Box::new(int), Type::Text, false)
            }
            Class::Instant if self.random.chance(50) => {
                let date = self.expr(Class::Date, depth - 1);
                Expr::Cast(Box::new(date), Type::Instant, false)
            }
            Class::Text if self.random.chance(40) => {
                let ends = (self.random.between(-3, 3), self.random.between(-2, 15));
                let functions = [
                    Function::Upper,
                    Function::Strip,
                    Function::Slice(ends.0, ends.1),
                ];
                let function = *self.random.pick(&functions);
                Expr::Call(function, self.expr(Class::Text, depth - 1).into())
            }
            Class::Date if self.random.chance(40) => {
                let count = self.random.between(-40, 40);
                let functions = [Function::AddDays(count), Function::AddMonths(count)];
                let function = *self.random.pick(&functions);
                Expr::Call(function, self.expr(Class::Date, depth - 1).into())
            }
            Class::Text | Class::Date | Class::Instant => self.leaf(class),
        }
    }

    /// One of several values.
    fn choice(&mut self, class: Class, depth: usize) -> Expr {
        if self.random.chance(40) {
            let count = 1 + self.random.below(3);
            return Expr::Coalesce((0..count).map(|_| self.expr(class, depth)).collect());
        }
        let count = 1 + self.random.below(2);
        let branch = |own: &mut Self| (own.condition(depth), own.expr(class, depth));
        let branches = (0..count).map(|_| branch(self)).collect();
        let otherwise = self.random.chance(70);
        let otherwise = otherwise.then(|| Box::new(self.expr(class, depth)));
        Expr::Case(branches, otherwise)
    }

    /// A truth value.
    pub(crate) fn condition(&mut self, depth: usize) -> Expr {
        let below = depth.saturating_sub(1);
        let pair = |own: &mut Self, op: fn(Box<Expr>, Box<Expr>) -> Expr| {
            let left = own.condition(below);
            op(left.into(), own.condition(below).into())
        };
        match self.random.below(if depth == 0 { 9 } else { 18 }) {
            0..=4 => {
                let class = self.class();
                let op = *self.random.pick(&[
                    CmpOp::Eq,
                    CmpOp::NotEq,
                    CmpOp::Lt,
                    CmpOp::LtEq,
                    CmpOp::Gt,
                    CmpOp::GtEq,
                ]);
                let left = self.expr(class, below);
                let right = match class {
                    Class::Int if self.random.chance(10) => Class::Float,
                    Class::Date if self.random.chance(20) => Class::Instant,
                    class => class,
                };
                Expr::cmp(op, left, self.expr(right, below))
            }
            5 => {
                let class = self.class();
                let arg = self.leaf(class);
                let count = 1 + self.random.below(4);
                let list = (0..count).map(|_| self.literal(class)).collect();
                Expr::In(arg.into(), list, self.random.chance(30))
            }
            6 => {
                let class = self.class();
                let parts = [(); 3].map(|()| self.leaf(class));
                Expr::Between(parts.into(), self.random.chance(30))
            }
            7 => {
                let class = self.class();
                let test = match (class, self.random.below(3)) {
                    (Class::Float, 2) => Test::Nan,
                    (Class::Bool, 2) => *self.random.pick(&[Test::True, Test::False]),
                    (_, 0) => Test::Null,
                    _ => Test::NotNull,
                };
                Expr::Is(test, self.expr(class, below).into())
            }
            8 => self.leaf(Class::Bool),
            16 => {
                let pick = |own: &mut Self, texts: &[&'static str]| *own.random.pick(texts);
                let function = match self.random.below(3) {
                    0 => Function::Contains(pick(self, &["a", "", "12", "view holds"])),
                    1 => Function::StartsWith(pick(self, &["a", "", "\u{e9}", "a longer"])),
                    _ => Function::Like(pick(self, &["%a%", "_", "%", "a%1", "_t_", "%1_ b%"])),
                };
                Expr::Call(function, self.expr(Class::Text, below).into())
            }
            9..=11 => pair(self, Expr::And),
            12 | 13 => pair(self, Expr::Or),
            14 | 15 => self.branches(),
            _ => Expr::Not(self.condition(below).into()),
        }
    }

    /// An OR of ANDs, which mostly have a term in common.
    fn branches(&mut self) -> Expr {
        let common = self.random.chance(60).then(|| self.condition(0));
        let branch = |own: &mut Self| {
            let first = own.condition(0);
            let mut all = Expr::And(first.into(), own.condition(0).into());
            if let Some(common) = &common {
                all = Expr::And(all.into(), common.clone().into());
            }
            all
        };
        let first = branch(self);
        let more = 1 + self.random.below(2);
        (0..more).fold(first, |any, _| Expr::Or(any.into(), branch(self).into()))
    }

    /// A comparison of an expression of a class with literals.
    pub(crate) fn narrow(&mut self, of: Expr, class: Class) -> Expr {
        let ops = [CmpOp::Eq, CmpOp::Lt, CmpOp::LtEq, CmpOp::Gt, CmpOp::GtEq];
        match self.random.below(4) {
            0 => {
                let count = 1 + self.random.below(4);
                let list = (0..count).map(|_| self.literal(class)).collect();
                Expr::In(of.into(), list, false)
            }
            1 => {
                let parts = [of, self.literal(class), self.literal(class)];
                Expr::Between(parts.into(), false)
            }
            _ => Expr::cmp(*self.random.pick(&ops), of, self.literal(class)),
        }
    }

    fn int(&mut self, depth: usize) -> Expr {
        match self.random.below(12) {
            0..=3 => {
                let op = *self
                    .random
                    .pick(&[ArithOp::Add, ArithOp::Sub, ArithOp::Mul]);
                let left = self.expr(Class::Int, depth);
                Expr::arith(op, left, self.expr(Class::Int, depth))
            }
            4 | 5 => {
                let ops = [ArithOp::Rem, ArithOp::FloorDiv, ArithOp::FloorMod];
                let op = *self.random.pick(&ops);
                let left = self.expr(Class::Int, depth);
                let by = match self.random.chance(50) {
                    true => self.leaf(Class::Int),
                    false => Expr::int(self.random.between(-3, 5)),
                };
                Expr::arith(op, left, by)
            }
            6 => Expr::Neg(self.expr(Class::Int, depth).into()),
            10 => Expr::Call(Function::LenChars, self.expr(Class::Text, depth).into()),
            11 => {
                let parts = [Function::Year, Function::Month, Function::DayOfYear];
                let part = *self.random.pick(&parts);
                Expr::Call(part, self.expr(Class::Date, depth).into())
            }
            7 => Expr::Abs(self.expr(Class::Int, depth).into()),
            8 => {
                let text = self.expr(Class::Text, depth);
                Expr::Cast(text.into(), Type::INT64, true)
            }
            _ => {
                let from = *self.random.pick(&[Class::Bool, Class::Float, Class::Int]);
                let to = *self
                    .random
                    .pick(&[Type::INT64, Type::int(32), Type::uint(8)]);
                let forgiving = from != Class::Bool && self.random.chance(80);
                Expr::Cast(self.expr(from, depth).into(), to, forgiving)
            }
        }
    }

    fn float(&mut self, depth: usize) -> Expr {
        let number = |own: &mut Self| match own.random.chance(30) {
            true => own.expr(Class::Int, depth),
            false => own.expr(Class::Float, depth),
        };
        match self.random.below(8) {
            0..=3 => {
                let op = *self
                    .random
                    .pick(&[ArithOp::Add, ArithOp::Sub, ArithOp::Mul]);
                let left = self.expr(Class::Float, depth);
                Expr::arith(op, left, number(self))
            }
            // By what has one zero: which zero stands for a group is open.
            4 | 5 => {
                let left = number(self);
                let by = match self.random.chance(50) {
                    true => self.expr(Class::Int, depth),
                    false => Expr::Lit(Value::Float(0.5), Type::Float64),
                };
                Expr::arith(ArithOp::Div, left, by)
            }
            6 => Expr::Neg(self.expr(Class::Float, depth).into()),
            _ => {
                let int = self.expr(Class::Int, depth);
                Expr::Cast(int.into(), Type::Float64, false)
            }
        }
    }

    fn decimal(&mut self, depth: usize) -> Expr {
        match self.random.below(5) {
            0 | 1 => {
                let op = *self.random.pick(&[ArithOp::Add, ArithOp::Sub]);
                let left = self.leaf(Class::Decimal);
                Expr::arith(op, left, self.expr(Class::Decimal, depth))
            }
            2 => {
                let left = self.leaf(Class::Decimal);
                let digits = Value::Decimal(Decimal::new(self.random.between(-9, 9).into(), 1));
                let by = match self.random.chance(50) {
                    true => Expr::int(self.random.between(-3, 3)),
                    false => Expr::Lit(digits, Type::Decimal(3, 1)),
                };
                Expr::arith(ArithOp::Mul, left, by)
            }
            3 => Expr::Neg(self.leaf(Class::Decimal).into()),
            _ => {
                let int = self.leaf(Class::Int);
                Expr::Cast(int.into(), Type::Decimal(24, 2), false)
            }
        }
    }
}
