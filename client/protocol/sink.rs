//! Where encoded bytes go: onto the heap, into a room on the stack, or into a number that stands for
//! them. What they mean is not known here.

/// Where bytes go.
pub trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

/// FNV-1a of all that was put: stable between builds, which the standard hasher is not.
pub struct Hash(u64);

impl Default for Hash {
    #[inline(always)]
    fn default() -> Self {
        Hash(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    #[inline(always)]
    pub fn value(&self) -> u64 {
        self.0
    }
}

impl Sink for Hash {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes on the stack. What does not fit makes the whole of it void.
pub struct Fixed<const N: usize> {
    bytes: [u8; N],
    length: usize,
    over: bool,
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Fixed { bytes: [0; N], length: 0, over: false }
    }
}

impl<const N: usize> Fixed<N> {
    /// Everything that was put; `None` if it was more than there is room for.
    #[inline(always)]
    pub fn whole(&self) -> Option<&[u8]> {
        (!self.over).then(|| &self.bytes[..self.length])
    }
}

impl<const N: usize> Sink for Fixed<N> {
    fn put(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.length..self.length + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.over = true,
        }
    }
}

impl<const N: usize> AsMut<[u8]> for Fixed<N> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}
