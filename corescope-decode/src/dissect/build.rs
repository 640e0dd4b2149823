//! Builds the tree from what the readers tell.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::tree::Node;
use crate::hex::Hex;
use crate::issue::Issue;
use crate::listener::{Events, Leaf, Listener};

/// Keeps every field and issue.
pub(crate) struct Builder<'b> {
    bytes: &'b [u8],
    /// The groups that are open, outermost first; the first holds the tree.
    stack: Vec<Node>,
    issues: Vec<Issue>,
}

impl<'b> Builder<'b> {
    /// Over the bytes that offsets count in.
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, stack: alloc::vec![group("", 0)], issues: Vec::new() }
    }

    /// The fields and issues. Bytes that no reader told become fields of their own, so that the
    /// tree covers all even if a plugin leaves some out.
    pub(crate) fn finish(mut self) -> (Vec<Node>, Vec<Issue>) {
        while self.stack.len() > 1 {
            self.close(self.bytes.len());
        }
        let mut fields = self.stack.pop().map(|root| root.children).unwrap_or_default();
        let told = fields.last().map_or(0, |node| node.range.end);
        if told < self.bytes.len() {
            fields.push(self.node("unread", told, self.bytes.len() - told));
        }
        (fields, self.issues)
    }

    fn node(&self, name: &'static str, start: usize, len: usize) -> Node {
        let bytes = self.bytes.get(start..start + len).unwrap_or_default();
        Node { range: start..start + len, raw: Hex(bytes).to_string(), ..group(name, start) }
    }
}

impl Events for Builder<'_> {
    fn leaf(&mut self, leaf: Leaf<'_>) {
        let raw = match (leaf.bits, leaf.bytes.first()) {
            (Some((high, low)), Some(byte)) => {
                let mask = ((1_u16 << (high - low + 1)) - 1) as u8;
                (byte >> low & mask).to_string()
            }
            _ => Hex(leaf.bytes).to_string(),
        };
        let node = Node {
            name: leaf.name,
            range: leaf.start..leaf.start + leaf.bytes.len(),
            bits: leaf.bits,
            raw,
            meaning: leaf.value.to_string(),
            children: Vec::new(),
            decrypted: None,
        };
        if let Some(parent) = self.stack.last_mut() {
            parent.children.push(node);
        }
    }

    fn open(&mut self, name: &'static str, start: usize) {
        self.stack.push(group(name, start));
    }

    fn close(&mut self, end: usize) {
        if self.stack.len() < 2 {
            return;
        }
        if let Some(mut node) = self.stack.pop() {
            node.range.end = end;
            // A group without fields says nothing.
            if node.children.is_empty() {
                return;
            }
            node.raw = Hex(self.bytes.get(node.range.clone()).unwrap_or_default()).to_string();
            if let Some(parent) = self.stack.last_mut() {
                parent.children.push(node);
            }
        }
    }

    fn issue(&mut self, issue: Issue) {
        self.issues.push(issue);
    }
}

impl Listener for Builder<'_> {
    const FIELDS: bool = true;
}

fn group(name: &'static str, start: usize) -> Node {
    Node {
        name,
        range: start..start,
        bits: None,
        raw: String::new(),
        meaning: String::new(),
        children: Vec::new(),
        decrypted: None,
    }
}
