//! Buffers that leave nothing behind when they grow: what passes through them may hold keys.

use zeroize::Zeroizing;

/// Appends to a buffer that is wiped on drop. A vector that grew by itself would leave an unwiped copy behind, so a
/// larger one takes its place.
pub(super) fn append(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let length = buffer.len() + bytes.len();
    if length > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(bytes);
}
