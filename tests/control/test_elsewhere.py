"""What changes something beyond this machine, and what only looks there or works here."""

from __future__ import annotations

import pytest

from roguewatch.control.elsewhere import changes_elsewhere
from roguewatch.detect.commands import understand

CHANGES = """git push | git push origin main | git -C x push | git subtree push x | gh pr create --fill
gh release create v1 | gh api -X DELETE /x | gh api x -f a=b | gh workflow run x | gh run rerun 3
terraform destroy | pulumi up | kubectl apply -f x.yaml | kubectl exec -it p -- sh
kubectl rollout restart d/x | helm uninstall a | aws ec2 terminate-instances --instance-ids list
aws --profile p ec2 run-instances | aws s3 cp a s3://b | gcloud compute instances delete list
az vm delete -n x | rsync -a . u@h:/srv | ssh prod uptime | sftp h | cargo publish | npm publish
docker push r/x | twine upload d/x | psql postgres://u:p@db.example/x | mysql --host=db.example
curl -XDELETE https://api.x/y | curl -d @f https://x | curl --data-binary @f https://x
curl -sT f https://x | curl --json {} https://x | wget --post-data=a https://x | vercel deploy
psql -hdb.example -c x | psql "dbname=x host=db.example" | mysql -hdb.example
rsync -a . h:/srv --exclude .git --delete | rsync rsync://h/m .
heroku ps:scale web=0 | ansible-playbook site.yml | uv publish | docker login r"""
STAYS = """git status | git commit -m push | git stash push | git pull | git fetch origin | gh pr list | gh run watch
gh repo clone a/b | gh api /user | terraform plan | terraform init | kubectl -n prod get pods
kubectl logs x | helm list | helm template . | aws s3 ls | aws ec2 describe-instances
aws sts get-caller-identity | gcloud compute instances list | az vm list | rsync -a a/ b/
psql -c x | psql -h localhost -c x | psql -h /var/run/x | redis-cli get x | curl https://x
curl -X POST http://127.0.0.1:8000 -d a | curl -fsSL https://x -o f | wget https://x | curl -I https://x
curl -H A:b https://x | docker build . | docker run x | npm install | cargo build | ssh-keygen -t rsa
psql "host=/var/run/x dbname=y" | mysql -hlocalhost | mysql -help | psql -c "select 1 where host='a'"
rsync -a --rsync-path=/x:/y a/ b/ | ssh -V | make deploy-docs | pip install x"""


def listed(text: str) -> list[str]:
    return [one.strip() for line in text.splitlines() for one in line.split(" | ")]


@pytest.mark.parametrize("command", listed(CHANGES))
def test_these_change_something_elsewhere(command: str) -> None:
    assert changes_elsewhere(understand(command))
    assert changes_elsewhere(understand(f"cd sub && env A=1 {command}"))


@pytest.mark.parametrize("command", listed(STAYS))
def test_these_do_not(command: str) -> None:
    assert not changes_elsewhere(understand(command))
