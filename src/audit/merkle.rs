//! The Merkle tree hash of RFC 6962, section 2.1, over SHA-256.
//!
//! Leaves and nodes are hashed with different first bytes, so that no node passes for a leaf. The root of n leaves
//! is that of the largest power of two below n and of the rest; it is built here from left to right, with as many
//! hashes in memory as the tree is high.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

#[derive(Default)]
pub struct Tree {
    /// Roots of complete trees, each smaller than the one before it, with their number of leaves.
    complete: Vec<(u64, Hash)>,
}

impl Tree {
    pub fn push(&mut self, leaf: &[u8]) {
        let mut size = 1;
        let mut hash = of_leaf(leaf);
        while let Some(&(other, left)) = self.complete.last()
            && other == size
        {
            self.complete.pop();
            hash = of_node(&left, &hash);
            size *= 2;
        }
        self.complete.push((size, hash));
    }

    pub fn len(&self) -> u64 {
        self.complete.iter().map(|(size, _)| size).sum()
    }

    pub fn root(&self) -> Hash {
        let mut roots = self.complete.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = roots.next() else { return Sha256::digest([]).into() };
        roots.fold(last, |right, left| of_node(&left, &right))
    }
}

fn of_leaf(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn of_node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(hash: Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn tree<T: AsRef<[u8]>>(leaves: &[T]) -> Tree {
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(leaf.as_ref()));
        tree
    }

    /// The definition, word for word.
    fn defined(leaves: &[Vec<u8>]) -> Hash {
        match leaves.len() {
            0 => Sha256::digest([]).into(),
            1 => of_leaf(&leaves[0]),
            n => {
                let k = n.next_power_of_two() / 2;
                of_node(&defined(&leaves[..k]), &defined(&leaves[k..]))
            }
        }
    }

    /// The leaves and roots that Certificate Transparency's own implementations test with.
    #[test]
    fn known_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (n, root) in roots.iter().enumerate() {
            assert_eq!(hex(tree(&leaves[..n]).root()), *root, "{n} leaves");
        }
    }

    /// Two hashes side by side are no leaf that makes the same root.
    #[test]
    fn a_node_is_no_leaf() {
        let pair = [of_leaf(b"a"), of_leaf(b"b")].concat();
        assert_ne!(tree(&[pair]).root(), tree(&[b"a", b"b"]).root());
    }

    proptest! {
        #[test]
        fn is_as_defined(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..70)) {
            let tree = tree(&leaves);
            prop_assert_eq!(tree.root(), defined(&leaves));
            prop_assert_eq!(tree.len(), leaves.len() as u64);
        }

        #[test]
        fn every_change_shows(
            leaves in prop::collection::vec(any::<[u8; 4]>(), 2..70),
            at in any::<prop::sample::Index>(),
            with in any::<prop::sample::Index>(),
        ) {
            let root = tree(&leaves).root();
            let (at, with) = (at.index(leaves.len()), with.index(leaves.len()));
            let mut changed = leaves.clone();
            changed[at][0] ^= 1;
            prop_assert_ne!(tree(&changed).root(), root);
            let mut gone = leaves.clone();
            gone.remove(at);
            prop_assert_ne!(tree(&gone).root(), root);
            let mut more = leaves.clone();
            more.push(leaves[at]);
            prop_assert_ne!(tree(&more).root(), root);
            let mut swapped = leaves.clone();
            swapped.swap(at, with);
            prop_assert_eq!(tree(&swapped).root() == root, swapped == leaves);
        }
    }
}
