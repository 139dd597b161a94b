//! Who may what where, in the form that a check looks it up in.

use std::rc::Rc;
use uuid::Uuid;

/// A set of permissions, as bits.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Bits(Rc<[u64]>);

impl Bits {
    #[inline]
    pub fn contains(&self, permission: usize) -> bool {
        self.0.get(permission / 64).is_some_and(|word| word >> (permission % 64) & 1 == 1)
    }

    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.0) + 16
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<I: IntoIterator<Item = usize>>(permissions: I) -> Self {
        let mut words = Vec::new();
        for permission in permissions {
            words.resize(words.len().max(permission / 64 + 1), 0u64);
            words[permission / 64] |= 1 << (permission % 64);
        }
        Bits(words.into())
    }
}

/// A user's memberships, or of a request that is bound to a tenant the one there.
///
/// Sorted, with a table of places beside it: a look-up is one multiplication and mostly one
/// comparison, and a member of 100,000 tenants takes 2 to 3 MB.
#[derive(Default, Debug)]
pub struct Memberships {
    tenants: Box<[Uuid]>,
    /// For each tenant, which of `sets`.
    set_of: Box<[u32]>,
    sets: Box<[Bits]>,
    /// Open addressing: a place in `tenants` plus one, or 0.
    places: Box<[u32]>,
}

#[inline]
fn slot(tenant: &Uuid, slots: usize) -> usize {
    let (high, low) = tenant.as_u64_pair();
    ((high.rotate_left(32) ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (slots - 1)
}

impl Memberships {
    /// Of tenants, each once, with the place of its permissions in `sets`.
    pub fn new(mut all: Vec<(Uuid, u32)>, sets: Vec<Bits>) -> Memberships {
        all.sort_unstable();
        let slots = (all.len() * 2).next_power_of_two().max(2);
        let mut places = vec![0u32; slots];
        for (place, (tenant, _)) in all.iter().enumerate() {
            let mut at = slot(tenant, slots);
            while places[at] != 0 {
                at = (at + 1) & (slots - 1);
            }
            places[at] = place as u32 + 1;
        }
        Memberships {
            tenants: all.iter().map(|&(tenant, _)| tenant).collect(),
            set_of: all.iter().map(|&(_, set)| set).collect(),
            sets: sets.into(),
            places: places.into(),
        }
    }

    #[inline]
    pub fn get(&self, tenant: &Uuid) -> Option<&Bits> {
        let slots = self.places.len();
        if slots == 0 {
            return None;
        }
        let mut at = slot(tenant, slots);
        loop {
            // Half of the slots are empty, so this ends.
            let place = (self.places[at] as usize).checked_sub(1)?;
            if self.tenants[place] == *tenant {
                return self.sets.get(self.set_of[place] as usize);
            }
            at = (at + 1) & (slots - 1);
        }
    }

    pub fn contains_key(&self, tenant: &Uuid) -> bool {
        self.get(tenant).is_some()
    }

    /// In the order of the tenants' ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Uuid, &Bits)> {
        self.tenants.iter().zip(self.set_of.iter().map(|&set| &self.sets[set as usize]))
    }

    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.tenants)
            + size_of_val(&*self.set_of)
            + size_of_val(&*self.places)
            + self.sets.len() * size_of::<Bits>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn they_are_a_map(
            // Few different halves, so that many land in one slot.
            all in prop::collection::btree_map((0..20u64, 0..20u64), 0..3u32, 0..200),
            sets in prop::collection::vec(prop::collection::btree_set(0..200usize, 0..10), 3),
        ) {
            let all: BTreeMap<Uuid, u32> =
                all.into_iter().map(|((a, b), set)| (Uuid::from_u64_pair(a, b), set)).collect();
            let bits: Vec<Bits> = sets.iter().map(|set| set.iter().copied().collect()).collect();
            let memberships = Memberships::new(all.iter().map(|(&t, &s)| (t, s)).collect(), bits.clone());
            for high in 0..20 {
                for low in 0..21 {
                    let tenant = Uuid::from_u64_pair(high, low);
                    prop_assert_eq!(
                        memberships.get(&tenant),
                        all.get(&tenant).map(|&set| &bits[set as usize])
                    );
                }
            }
            prop_assert!(memberships.iter().map(|(t, _)| *t).eq(all.keys().copied()));
            for (set, bits) in sets.iter().zip(&bits) {
                for permission in 0..300 {
                    prop_assert_eq!(bits.contains(permission), set.contains(&permission));
                }
            }
        }
    }

    #[test]
    fn none_at_all() {
        assert!(!Memberships::default().contains_key(&Uuid::nil()));
        assert!(!Memberships::new(Vec::new(), Vec::new()).contains_key(&Uuid::nil()));
    }

    #[test]
    fn a_hundred_thousand_tenants_take_three_megabytes() {
        let all = (0..100_000u64).map(|i| (Uuid::from_u64_pair(i, i << 7), 0)).collect();
        let memberships = Memberships::new(all, vec![Bits::default()]);
        assert!(memberships.bytes() < 3_200_000, "{}", memberships.bytes());
    }
}
