// The oracle of test/proof/proof.test.ts: transparency-dev/merkle and x/mod/sumdb/note check what we made.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

type inclusion struct {
	Index, Size uint64
	Entry, Root []byte
	Path        [][]byte
}

type consistency struct {
	Before, Size uint64
	Root, Now    []byte
	Path         [][]byte
}

type signed struct {
	Verifier, Note, Text string
}

func main() {
	var cases struct {
		Inclusions    []inclusion
		Consistencies []consistency
		Notes         []signed
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	failed := 0
	check := func(what string, err error) {
		if err != nil {
			failed++
			fmt.Println(what, err)
		}
	}
	hasher := rfc6962.DefaultHasher
	for _, c := range cases.Inclusions {
		err := proof.VerifyInclusion(hasher, c.Index, c.Size, hasher.HashLeaf(c.Entry), c.Path, c.Root)
		check(fmt.Sprintf("inclusion of %d in %d:", c.Index, c.Size), err)
	}
	for _, c := range cases.Consistencies {
		err := proof.VerifyConsistency(hasher, c.Before, c.Size, c.Path, c.Root, c.Now)
		check(fmt.Sprintf("consistency of %d with %d:", c.Before, c.Size), err)
	}
	for _, c := range cases.Notes {
		verifier, err := note.NewVerifier(c.Verifier)
		check("verifier:", err)
		if err != nil {
			continue
		}
		opened, err := note.Open([]byte(c.Note), note.VerifierList(verifier))
		check("note:", err)
		if err == nil && opened.Text != c.Text {
			check("note:", fmt.Errorf("it has another text"))
		}
	}
	fmt.Printf("%d inclusions, %d consistencies, %d notes, %d failed\n",
		len(cases.Inclusions), len(cases.Consistencies), len(cases.Notes), failed)
	if failed > 0 {
		os.Exit(1)
	}
}
