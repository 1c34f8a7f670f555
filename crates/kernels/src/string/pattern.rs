//! Patterns: what a text is tested for, prepared once for many rows.

use esker_datatypes::{Error, Result};
use memchr::memmem::Finder;

/// How the text of a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternKind {
    /// The text itself stands somewhere.
    Contains,
    /// The text itself stands at the start.
    StartsWith,
    /// The text itself stands at the end.
    EndsWith,
    /// SQL's `LIKE`: `%` stands for any text, `_` for any one character, all else for itself. The
    /// character behind an escape stands for itself, whatever it is.
    Like {
        /// The character that takes the meaning of the next one away.
        escape: Option<char>,
    },
}

/// A pattern, ready to be matched: pieces that must stand in a text in this order, the first at its
/// start, the last at its end.
#[derive(Clone, Debug)]
pub struct TextPattern {
    head: Piece,
    middle: Vec<Piece>,
    /// `None` for a pattern without `%`, where the head is the whole text.
    tail: Option<Piece>,
}

/// What stands between two `%`: characters, each given or any.
#[derive(Clone, Debug, Default)]
struct Piece {
    /// How many characters, any, there are before the first text.
    skip: usize,
    /// Texts, and how many characters, any, stand behind each.
    texts: Vec<(Finder<'static>, usize)>,
}

impl TextPattern {
    /// Prepares a pattern.
    ///
    /// ```
    /// use esker_kernels::string::{PatternKind, TextPattern};
    /// let pattern = TextPattern::new(PatternKind::Like { escape: None }, "%special%re_uests")?;
    /// assert!(pattern.matches("a special list of requests"));
    /// assert!(!pattern.matches("requests, special"));
    /// # Ok::<(), esker_datatypes::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Evaluation` for a `LIKE` that ends with its escape.
    pub fn new(kind: PatternKind, text: &str) -> Result<Self> {
        let piece = Piece::of_text(text);
        let none = Piece::default;
        Ok(match kind {
            PatternKind::Contains => Self {
                head: none(),
                middle: (!text.is_empty()).then_some(piece).into_iter().collect(),
                tail: Some(none()),
            },
            PatternKind::StartsWith => Self {
                head: piece,
                middle: Vec::new(),
                tail: Some(none()),
            },
            PatternKind::EndsWith => Self {
                head: none(),
                middle: Vec::new(),
                tail: Some(piece),
            },
            PatternKind::Like { escape } => Self::like(text, escape)?,
        })
    }

    fn like(pattern: &str, escape: Option<char>) -> Result<Self> {
        let mut pieces = Vec::new();
        let (mut piece, mut text) = (Piece::default(), String::new());
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            if Some(char) == escape {
                text.push(chars.next().ok_or_else(|| {
                    Error::evaluation(format!(
                        "the pattern '{pattern}' ends with its escape '{char}'"
                    ))
                })?);
                continue;
            }
            match char {
                '%' => {
                    piece.push_text(&mut text);
                    pieces.push(std::mem::take(&mut piece));
                }
                '_' => {
                    piece.push_text(&mut text);
                    match piece.texts.last_mut() {
                        Some((_, behind)) => *behind += 1,
                        None => piece.skip += 1,
                    }
                }
                _ => text.push(char),
            }
        }
        piece.push_text(&mut text);
        if pieces.is_empty() {
            return Ok(Self {
                head: piece,
                middle: Vec::new(),
                tail: None,
            });
        }
        let mut pieces = pieces.into_iter();
        Ok(Self {
            head: pieces.next().unwrap_or_default(),
            middle: pieces.filter(|piece| !piece.is_empty()).collect(),
            tail: Some(piece),
        })
    }

    /// Whether a text fits.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_bytes(text.as_bytes())
    }

    /// Whether UTF-8 fits.
    #[inline]
    pub(super) fn matches_bytes(&self, text: &[u8]) -> bool {
        let Some(mut rest) = self.head.at_start(text) else {
            return false;
        };
        let Some(tail) = &self.tail else {
            return rest.is_empty();
        };
        // The leftmost place of a piece leaves the most to those behind it.
        for piece in &self.middle {
            match piece.behind_first(rest) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        tail.at_end(rest)
    }

    /// A text without which nothing fits, when the pattern does not say where it stands, and
    /// whether it alone decides.
    pub(super) fn needle(&self) -> Option<(&Finder<'static>, bool)> {
        let piece = self.middle.first().filter(|_| self.head.is_empty())?;
        let (finder, _) = piece.texts.first()?;
        let alone = match (self.middle.as_slice(), &self.tail) {
            ([Piece { skip: 0, texts }], Some(tail)) => {
                tail.is_empty() && matches!(texts.as_slice(), [(_, 0)])
            }
            _ => false,
        };
        Some((finder, alone))
    }
}

impl Piece {
    fn of_text(text: &str) -> Self {
        let mut piece = Self::default();
        piece.push_text(&mut text.to_owned());
        piece
    }

    fn push_text(&mut self, text: &mut String) {
        if !text.is_empty() {
            let finder = Finder::new(text.as_bytes()).into_owned();
            self.texts.push((finder, 0));
            text.clear();
        }
    }

    fn is_empty(&self) -> bool {
        self.skip == 0 && self.texts.is_empty()
    }

    /// What follows the piece, if the text starts with it.
    #[inline]
    fn at_start<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let mut rest = skip_chars(text, self.skip)?;
        for (finder, behind) in &self.texts {
            rest = skip_chars(rest.strip_prefix(finder.needle())?, *behind)?;
        }
        Some(rest)
    }

    /// What follows the first place of the piece in a text.
    fn behind_first<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let mut from = skip_chars(text, self.skip)?;
        let Some(((first, gap), others)) = self.texts.split_first() else {
            return Some(from);
        };
        loop {
            // Text in UTF-8 is found at whole characters only.
            let found = from.get(first.find(from)?..)?;
            let behind = || {
                let mut rest = skip_chars(found.get(first.needle().len()..)?, *gap)?;
                for (finder, gap) in others {
                    rest = skip_chars(rest.strip_prefix(finder.needle())?, *gap)?;
                }
                Some(rest)
            };
            if let Some(rest) = behind() {
                return Some(rest);
            }
            from = found.get(1..)?;
        }
    }

    /// Whether a text ends with the piece.
    #[inline]
    fn at_end(&self, text: &[u8]) -> bool {
        match (self.skip, self.texts.as_slice()) {
            (0, []) => true,
            (0, [(finder, 0)]) => text.ends_with(finder.needle()),
            _ => {
                let own: usize = self
                    .texts
                    .iter()
                    .map(|(f, gap)| chars(f.needle()) + gap)
                    .sum();
                let Some(extra) = chars(text).checked_sub(self.skip + own) else {
                    return false;
                };
                let end = skip_chars(text, extra).and_then(|end| self.at_start(end));
                end.is_some_and(<[u8]>::is_empty)
            }
        }
    }
}

/// How many characters UTF-8 has.
#[inline]
pub(super) fn chars(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| starts_char(byte)).count()
}

/// Whether a byte of UTF-8 is the first of its character.
#[inline]
pub(super) fn starts_char(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// What follows this many characters, if there are as many.
#[inline]
fn skip_chars(text: &[u8], count: usize) -> Option<&[u8]> {
    if count == 0 {
        return Some(text);
    }
    let mut starts = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| starts_char(**byte));
    starts.nth(count - 1)?;
    match starts.next() {
        Some((at, _)) => text.get(at..),
        None => Some(&[]),
    }
}
