#!/bin/sh
# Makes examples/quickstart-model/model from nothing: writes the texts, learns the tokenizer,
# pre-trains, teaches to answer, exports. Some twenty minutes on two cores.
#
#   examples/quickstart-model/make.sh          everything
#   examples/quickstart-model/make.sh texts    the texts and the tokenizer only
#
# The texts and the tokenizer come out the same on any machine, the weights on machines of one kind.
set -eu
cd "$(dirname "$0")"

mkdir -p build/classes
javac -d build/classes Grammar.java Generate.java TrainTokenizer.java
java -cp build/classes Generate build ../quickstart-data
java -cp build/classes TrainTokenizer base/tokenizer.json 2048 build/corpus.jsonl build/instruct.json
[ "${1:-all}" != texts ] || exit 0

cd ../..
./engine.sh train examples/quickstart-model/pretrain.yaml
./engine.sh train examples/quickstart-model/instruct.yaml
./engine.sh export examples/quickstart-model/export.yaml
