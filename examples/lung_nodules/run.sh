#!/usr/bin/env bash
# From raw CT to a dataset with its papers: ingest, standardise, pre-annotate, read, review, check, freeze, export, document.
#
#   examples/lung_nodules/run.sh FOLDER [STUDIES]
#
# Everything is synthetic: the scans, and the readers. In a real project the readers draw in their own tools; the commands are
# the same. GANTRY and HELPER name the two programs; without them they are built.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: run.sh FOLDER [STUDIES]}
studies=${2:-6}
if [ -z "${GANTRY:-}" ]; then
  (cd "$here" && cargo build --release --bin gantry --example lung_nodules)
  target=$(cd "$here/../.." && echo "${CARGO_TARGET_DIR:-$PWD/target}")
  GANTRY=$target/release/gantry
  HELPER=$target/release/examples/lung_nodules
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)
step() { printf '\n== %s\n' "$*"; }
gantry() { "$GANTRY" --workspace "$work/workspace" "$@"; }
# The first value of a field of JSON on the standard input.
field() { sed -n 's/.*"'"$1"'":\("\{0,1\}\)\([^",}]*\).*/\2/p' | head -n 1; }

step "1 The scanner sends $studies studies"
"$HELPER" studies "$work/scans" "$studies"

step "2 Ingest: de-identified, catalogued, checked"
"$GANTRY" init "$work/workspace"
gantry ingest "$work/scans" --site north

step "3 Standardise: what the attributes mean, whatever the vendor calls them"
gantry harmonise coverage 'modality:CT'
gantry search 'modality:CT region:chest'

step "4 Who reads what"
gantry reader add amira --level 1
gantry reader add ben --level 1
gantry reader add ines --level 2
gantry reader add carla --level 3
gantry plan apply "$here/plan.toml"

step "5 Pre-annotate: what the finder marks comes in as reads of its own"
mkdir -p "$work/found"
gantry search 'modality:CT' --json | while read -r line; do
  uid=$(field series_uid <<<"$line")
  gantry export --query "series:$uid" --format nifti --to "$work/found/$uid" >/dev/null
  volume=$(find "$work/found/$uid" -name '*.nii.gz' | head -n 1)
  "$HELPER" find "$volume" "$work/found/$uid.nii.gz"
  gantry label import "$work/found/$uid.nii.gz" --series "$uid" --reader finder-0.1 --names 1=nodule --guideline none >/dev/null
done

step "6 Readers read: each takes the next task, draws in their own tool, hands it in"
read_as() {
  local name=$1 number=$2 step=$3 task case said
  while task=$(gantry task next --step "$step" --as "$name" --json | field task) && [ -n "$task" ]; do
    case=$work/cases/$name-$task
    gantry task checkout "$task" --to "$case" --format nifti --as "$name" >/dev/null
    said=$("$HELPER" read "$(find "$case" -maxdepth 1 -name '*.nii.gz' | sort | head -n 1)" "$number" "$case/nodule.nii.gz")
    case $said in
      # shellcheck disable=SC2086 # several arguments
      *--none*) gantry task submit "$task" $said --as "$name" ;;
      *) gantry task submit "$task" "$case/nodule.nii.gz" $said --as "$name" ;;
    esac
  done
}
mkdir -p "$work/cases"
read_as amira 1 read
read_as ben 3 read

step "7 Where they do not agree, the adjudicator looks again; a share of the rest gets a second look"
read_as carla 2 adjudicate
while task=$(gantry task next --step review --as ines --json | field task) && [ -n "$task" ]; do
  gantry task accept "$task" --as ines
done
gantry task list
gantry agreement --structure nodule
gantry stats

step "8 Freeze, with splits by subject, and hold every byte against its hash"
gantry snapshot create v1 --split train=.5,val=.25,test=.25 --seed 7 --note "lung nodules, first version"
gantry snapshot verify v1

step "9 Export for training"
gantry export --snapshot v1 --format nifti,json,csv --to "$work/dataset"

step "10 Where a label came from, and the papers"
gantry provenance v1 | head -n 20
gantry report qa --snapshot v1 --to "$work/qa.html"
gantry report dossier --snapshot v1 --to "$work/dossier.pdf"
step "Done: $work/dataset, $work/qa.html, $work/dossier.pdf; gantry --workspace $work/workspace shows it in the console"
