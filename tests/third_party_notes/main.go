// Checks what a Theater data directory signs with code that knows nothing of Theater: golang.org/x/mod/sumdb/note opens
// the checkpoints, golang.org/x/mod/sumdb/tlog recomputes their roots and follows their proofs.
//
//	third_party_notes FOLDER
//
// The folder holds log.pub, heads.log, checkpoint, older-checkpoint, head.tlog-proof and growth-proof. Any of them that
// does not hold, or a change that goes unseen, ends it with 1.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	magic        = "theater heads 1\n"
	entryBytes   = 56
	recordHeads  = 1
	recordSigned = 2
)

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func read(folder, name string) string {
	content, err := os.ReadFile(filepath.Join(folder, name))
	check(err, "reading")
	return string(content)
}

// checkpoint opens a note that the log's key must have signed.
func checkpoint(text string, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("not three lines that begin with %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// header divides what precedes a checkpoint into its lines.
func header(text string) (lines []string, rest string) {
	end := strings.Index(text, "\n\n")
	if end < 0 {
		check(fmt.Errorf("no empty line"), "reading a proof")
	}
	return strings.Split(text[:end], "\n"), text[end+2:]
}

func hashes(lines []string) []tlog.Hash {
	var parsed []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err, "a proof's hash")
		parsed = append(parsed, hash)
	}
	return parsed
}

// log follows the whole log: each checkpoint in it must be of the entries before it. It returns the entries.
func log(content string, verifier note.Verifier) [][]byte {
	if !strings.HasPrefix(content, magic) {
		check(fmt.Errorf("no log of heads"), "heads.log")
	}
	rest := []byte(content[len(magic):])
	var entries [][]byte
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for len(rest) > 0 {
		kind, length := rest[0], binary.LittleEndian.Uint32(rest[1:])
		body := rest[9 : 9+length]
		rest = rest[9+length+32:]
		switch kind {
		case recordHeads:
			for ; len(body) > 0; body = body[entryBytes:] {
				more, err := tlog.StoredHashes(int64(len(entries)), body[:entryBytes], reader)
				check(err, "growing the tree")
				stored = append(stored, more...)
				entries = append(entries, body[:entryBytes])
			}
		case recordSigned:
			tree, err := checkpoint(string(body), verifier)
			check(err, "a checkpoint in heads.log")
			root, err := tlog.TreeHash(int64(len(entries)), reader)
			check(err, "the tree's root")
			if tree.N != int64(len(entries)) || tree.Hash != root {
				check(fmt.Errorf("of %d entries, the log has %d", tree.N, len(entries)), "a checkpoint in heads.log")
			}
		}
	}
	return entries
}

func main() {
	folder := os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSuffix(read(folder, "log.pub"), "\n"))
	check(err, "log.pub")
	entries := log(read(folder, "heads.log"), verifier)

	latest, err := checkpoint(read(folder, "checkpoint"), verifier)
	check(err, "checkpoint")
	older, err := checkpoint(read(folder, "older-checkpoint"), verifier)
	check(err, "older-checkpoint")
	if latest.N != int64(len(entries)) || older.N >= latest.N {
		check(fmt.Errorf("of %d and %d entries, the log has %d", older.N, latest.N, len(entries)), "the checkpoints")
	}

	lines, signed := header(read(folder, "head.tlog-proof"))
	tree, err := checkpoint(signed, verifier)
	check(err, "the proof's checkpoint")
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err, "the proof's entry")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check(err, "the proof's index")
	leaf := tlog.RecordHash(extra[:entryBytes])
	check(tlog.CheckRecord(hashes(lines[3:]), tree.N, tree.Hash, index, leaf), "the proof of a head")
	if string(extra[:entryBytes]) != string(entries[index]) {
		check(fmt.Errorf("another entry than the log has"), "the proof of a head")
	}

	lines, signed = header(read(folder, "growth-proof"))
	tree, err = checkpoint(signed, verifier)
	check(err, "the newer checkpoint")
	if lines[0] != fmt.Sprintf("old %d", older.N) {
		check(fmt.Errorf("%q, the older checkpoint has %d entries", lines[0], older.N), "the proof of growth")
	}
	check(tlog.CheckTree(hashes(lines[1:]), tree.N, tree.Hash, older.N, older.Hash), "the proof of growth")

	// A checker that accepts everything would have got here as well.
	text := read(folder, "checkpoint")
	for at := 0; at < strings.Index(text, "\n\n"); at++ {
		changed := []byte(text)
		changed[at] ^= 1
		if _, err := checkpoint(string(changed), verifier); err == nil {
			check(fmt.Errorf("byte %d was changed unseen", at), "checkpoint")
		}
	}
	fmt.Printf("%s: %d entries, last checkpoint, a head and growth from %d entries on hold\n", verifier.Name(), latest.N, older.N)
}
