//! Huffman tables (ISO/IEC 10918-1 Annex C) and their fast look-up.

use super::bits::Bits;
use super::damaged;
use crate::dicom::codec::PixelError;

/// Bits looked up at once.
const FAST: u32 = 10;

/// One Huffman table.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// For every `FAST` bits: symbol and length, or length 0 for a longer code.
    fast: Vec<(u8, u8)>,
    /// For each length: the first code, aligned to 16 bits, beyond those of this length or shorter.
    limit: [u32; 17],
    /// For each length: index of its first symbol minus its first code.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// From the counts of codes of length 1 … 16 and the symbols in order.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, PixelError> {
        let mut fast = vec![(0, 0); 1 << FAST];
        let (mut limit, mut offset) = ([0; 17], [0; 17]);
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = usize::from(counts[length as usize - 1]);
            offset[length as usize] = index as i32 - code as i32;
            if code + count as u32 > 1 << length {
                return Err(damaged("Huffman table has too many codes"));
            }
            for &symbol in
                symbols.get(index..index + count).ok_or_else(|| damaged("Huffman table too short"))?
            {
                if length <= FAST {
                    let first = (code as usize) << (FAST - length);
                    fast[first..first + (1 << (FAST - length))].fill((symbol, length as u8));
                }
                code += 1;
            }
            index += count;
            limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(Self { fast, limit, offset, symbols: symbols[..index].to_vec() })
    }

    /// The next symbol.
    #[inline]
    pub(super) fn decode(&self, bits: &mut Bits<'_>) -> Result<u8, PixelError> {
        bits.fill();
        let (symbol, length) = self.fast[bits.peek(FAST) as usize];
        if length > 0 {
            bits.skip(u32::from(length));
            return Ok(symbol);
        }
        self.decode_long(bits)
    }

    #[cold]
    fn decode_long(&self, bits: &mut Bits<'_>) -> Result<u8, PixelError> {
        let next = bits.peek(16);
        for length in FAST + 1..=16 {
            if next < self.limit[length as usize] {
                bits.skip(length);
                let code = (next >> (16 - length)) as i32;
                let index = (code + self.offset[length as usize]) as usize;
                return self.symbols.get(index).copied().ok_or_else(|| damaged("no such Huffman code"));
            }
        }
        Err(damaged("no such Huffman code"))
    }
}
