//! Memory for sets and lists: slots of a power of two of words, in chunks that are never moved.

#![allow(
    clippy::indexing_slicing,
    reason = "slots are those that were handed out, and chunks have room for theirs"
)]

use super::common::bytes_of;

/// A chunk has so many words, or those of its only slot if that has more.
const CHUNK: u32 = 15;

/// Slots of one size. Those that are given back are handed out again, so that sets that grow one
/// after the other, as those of clustered groups do, take hardly more memory than they keep.
pub(super) struct Slots<W> {
    /// The logarithm of a slot's number of words.
    bits: u32,
    /// Chunks, all of one length but the last.
    chunks: Vec<Vec<W>>,
    /// Slots that were given back.
    free: Vec<u32>,
    /// How many slots there are, those given back among them.
    len: u32,
    /// The bytes of the chunks.
    bytes: usize,
}

impl<W: Copy + Default> Slots<W> {
    /// No slots, of so many words as this is the logarithm of.
    pub(super) fn new(bits: u32) -> Self {
        Self {
            bits,
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
            bytes: 0,
        }
    }

    /// A slot; `None` when there are 2^31. Its words are zero, unless it was [given back](Self::give)
    /// with others.
    #[inline]
    pub(super) fn take(&mut self) -> Option<u32> {
        if let Some(slot) = self.free.pop() {
            if self.bits >= CHUNK {
                self.chunks[slot as usize] = self.chunk();
            }
            return Some(slot);
        }
        let slot = self.len;
        let (chunk, at) = self.place(slot);
        if self.chunks.get(chunk).is_none_or(|chunk| at >= chunk.len()) {
            if slot >= 1 << 31 {
                return None;
            }
            self.extend(chunk);
        }
        self.len += 1;
        Some(slot)
    }

    /// Makes room for another slot, in this chunk.
    #[cold]
    fn extend(&mut self, chunk: usize) {
        if self.bits < CHUNK && chunk == 0 {
            // The first chunk grows as it is filled: there may never be another.
            let mut first = self.chunks.pop().unwrap_or_default();
            self.bytes -= bytes_of(&first);
            let words = (first.len() * 2).clamp(1 << self.bits.max(6), 1 << CHUNK);
            first.resize(words, W::default());
            self.bytes += bytes_of(&first);
            self.chunks.push(first);
        } else {
            let chunk = self.chunk();
            self.chunks.push(chunk);
        }
    }

    /// A whole chunk of zeros.
    fn chunk(&mut self) -> Vec<W> {
        let chunk = vec![W::default(); 1 << self.bits.max(CHUNK)];
        self.bytes += bytes_of(&chunk);
        chunk
    }

    /// Takes a slot back, whose words may be any.
    #[inline]
    pub(super) fn give(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// Takes a slot back, to be handed out with zeros.
    pub(super) fn give_cleared(&mut self, slot: u32) {
        if self.bits >= CHUNK {
            let chunk = std::mem::take(&mut self.chunks[slot as usize]);
            self.bytes -= bytes_of(&chunk);
        } else {
            self.get_mut(slot).fill(W::default());
        }
        self.give(slot);
    }

    /// The words of a slot.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> &[W] {
        let (chunk, at) = self.place(slot);
        &self.chunks[chunk][at..at + (1 << self.bits)]
    }

    /// The words of a slot.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut [W] {
        let (chunk, at) = self.place(slot);
        &mut self.chunks[chunk][at..at + (1 << self.bits)]
    }

    /// The bytes taken.
    pub(super) fn size(&self) -> usize {
        self.bytes + bytes_of(&self.free) + bytes_of(&self.chunks)
    }

    /// The logarithm of a chunk's number of slots.
    #[inline]
    fn chunk_bits(&self) -> u32 {
        CHUNK.saturating_sub(self.bits)
    }

    /// The chunk of a slot, and where in it the slot begins.
    #[inline]
    fn place(&self, slot: u32) -> (usize, usize) {
        let bits = self.chunk_bits();
        let at = (slot & ((1 << bits) - 1)) as usize;
        ((slot >> bits) as usize, at << self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_overlap_and_are_handed_out_again() {
        for bits in [0, 1, 4, CHUNK - 1, CHUNK, CHUNK + 1] {
            let mut slots = Slots::<u32>::new(bits);
            let count = 3 + (2u32 << CHUNK.saturating_sub(bits));
            for number in 0..count {
                assert_eq!(slots.take(), Some(number));
                slots.get_mut(number).fill(number);
            }
            for number in 0..count {
                let words = slots.get(number);
                assert!(words.len() == 1 << bits && words.iter().all(|&word| word == number));
            }
            let size = slots.size();
            assert!(size >= (count as usize) << bits << 2);
            slots.give_cleared(1);
            assert_eq!(slots.take(), Some(1));
            assert!(slots.get(1).iter().all(|&word| word == 0));
            assert_eq!(slots.size() / 4096, (size + 16) / 4096);
            let chunk = 4usize << bits.max(CHUNK);
            assert!(size <= ((count as usize) << bits << 2) + chunk + 4096);
        }
    }
}
