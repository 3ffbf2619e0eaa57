//! A whole draw, place by place.

use anteroom_queue::draw::Draw;

use crate::failure::Failure;

/// Most entrants of a lane that are gone through: a bit for each makes 125 MB, and it takes some hours.
const ENTRANTS_MAX: u64 = 1_000_000_000;

/// Whether every place is given exactly once.
pub(super) fn is_permutation(draw: &Draw) -> Result<bool, Failure> {
    let entrants = draw.entrants();
    if entrants > ENTRANTS_MAX {
        return Err(format!(
            "--all goes through {ENTRANTS_MAX} entrants at the most, and there are {entrants}"
        )
        .into());
    }
    let mut taken = vec![0_u64; usize::try_from(entrants.div_ceil(64))?];
    for index in 0..entrants {
        let place = draw.place(index);
        let Some(bits) = usize::try_from(place / 64).ok().and_then(|at| taken.get_mut(at)) else {
            return Ok(false);
        };
        let bit = 1 << (place % 64);
        if place >= entrants || *bits & bit != 0 || draw.index_of(place) != index {
            return Ok(false);
        }
        *bits |= bit;
    }
    // As many places as entrants, none twice: so none is left out.
    Ok(true)
}
