module theater.invalid/third_party_notes

go 1.18

require golang.org/x/mod v0.17.0
