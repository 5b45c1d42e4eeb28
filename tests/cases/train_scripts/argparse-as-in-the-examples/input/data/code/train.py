import argparse
import os

from scaling import scaled

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--min-samples-leaf", type=int, default=1)
    parser.add_argument("--features", type=str)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    args, _ = parser.parse_known_args()
    with open(os.path.join(args.train, "houses.csv")) as file:
        total = sum(float(cell) for line in file for cell in line.split(","))
    print("total =", scaled(total, args.rate))
    with open(os.path.join(args.model_dir, "model.txt"), "w") as file:
        file.write(f"{args.n_estimators} {args.min_samples_leaf} {args.features.split()} {scaled(total, args.rate)}\n")
