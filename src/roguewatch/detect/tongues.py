"""The commonest verbs of acting and of reading in languages other than English.

Enough to see that a German or Chinese sentence speaks of paying, sending or deleting, and
that a French request only asks to be told something. By stems, because verbs are inflected;
no grammar: who needs to know whether a sentence orders looks for that elsewhere.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from roguewatch.detect.deeds import Deed

_STEMS: dict[Deed, str] = {
    # German; French; Spanish; Italian; Portuguese; Dutch; Swedish; Russian
    "pay": "überweis bezahl begleich zahle zahlen; payer payez paie virer virez vire règle régle "
    "rembours; paga pague pagar transfier abona; paghi versa bonific; transfir; betaal overmak; "
    "betala överför; оплат заплат перевед перевест",
    "send": "schick sende senden leite weiterleit antwort veröffentlich hochlad lade poste; envoy "
    "transfér transfer répond publie communiq télévers; envía envia envíe reenv manda respond "
    "publica sube súb; invia inoltra rispond pubblic carica; enviar encaminh; stuur verstu "
    "verzend doorstu; skicka vidarebef svara; отправ перешл напиш ответ опублик загруз",
    "create": "erstell anleg buche buchen reservier eintrag füge hinzufüg; crée créer ajoute "
    "réserv inscri enregistr; crea cree añad agrega agregu reserva registr; aggiung prenot; "
    "adicion crie; voeg boek reserve; skapa boka lägg; созда добав заброн запиш",
    "update": "änder aktualisier setze ersetz umbenenn verschieb deaktivier aktivier zurücksetz "
    "schalt; modifi change remplac renomm désactiv réinitialis déplac; cambi actualiz establec "
    "restablec reemplaz desactiv; modific aggiorn impost reimpost sostitu disattiv; alter mude "
    "atualiz redefin; wijzig verander; ändra uppdater ställ; измен обнов установ замен сброс отключ",
    "delete": "lösch entfern stornier kündig absag; supprim efface annul retire résili; elimin "
    "borra borre cancel quita; cancella rimuov; exclu apag remov; verwijder annuleer wis; radera "
    "avboka ta_bort; удал отмен сотр",
    "execute": "ausführ führe installier starte herunterlad lade; exécut lance télécharg; ejecut "
    "instal descarg; esegu scaric avvia; execut baix; voer installeer; kör ladda; выполн запуст "
    "скача установ",
    "visit": "öffne besuch; ouvre ouvrez visite clique; abre abra visita; apri clicca; acesse; "
    "bezoek; öppna besök; открой посет перейд",
    "admit": "einlad lade freigeb gewähr berechtig; invit partag accord autoris; invita compart "
    "conced otorg autoriz; condivid; convid compartilh; nodig deel; bjud dela; приглас подел "
    "предостав",
}
_SIGNS: dict[Deed, str] = {
    # Chinese; Japanese
    "pay": "付款 支付 转账 汇款 支払 振り込 振込 送金",
    "send": "发送 发给 发到 转发 回复 发布 上传 寄给 送っ 送信 転送 返信 投稿 アップロード",
    "create": "创建 添加 新建 预订 预约 登记 作成 追加 予約 登録",
    "update": "修改 更改 更新 设置 重置 替换 禁用 启用 変更 設定 リセット 無効",
    "delete": "删除 取消 清空 移除 削除 取り消 キャンセル",
    "execute": "执行 运行 安装 下载 実行 インストール ダウンロード",
    "visit": "打开 访问 点击 開い 開く アクセス クリック",
    "admit": "邀请 共享 分享 授权 授予 招待 共有 許可 付与",
}


@cache
def _deeds() -> tuple[tuple[Deed, re.Pattern[str]], ...]:
    """By deed what speaks of it, compiled when the first text in another language is read."""
    found = []
    for deed, stems in _STEMS.items():
        each = [re.escape(stem).replace("_", " ") for stem in stems.replace(";", " ").split()]
        pattern = rf"\b(?:{'|'.join(each)})\w*|" + "|".join(_SIGNS[deed].split())
        found.append((deed, re.compile(pattern)))
    return tuple(found)


_READS = re.compile(
    r"\b(?:fass\w*|zusammenfass\w*|lies|lese|was|wer|wann|wo|wie|welche\w?|warum|zeig\w*|sag\w?|erklär\w*|"
    r"übersetz\w*|suche?|finde|vergleich\w*|nenne?|"
    r"résum\w*|lis|lire|lisez|que|quel\w*|qui|quand|où|comment|pourquoi|montre\w?|dis|dites|"
    r"expliqu\w*|tradui\w*|cherche\w?|trouve\w?|compare\w?|"
    r"resum\w*|lee|leer|lea|qué|quién\w*|cuándo|dónde|cómo|cuál\w*|muestra|dime|explic\w*|traduc\w*|"
    r"busca|encuentra|compara|riassum\w*|leggi|cosa|che|chi|quando|dove|come|mostra|dimmi|spiega|"
    r"cerca|trova|leia|quem|onde|mostre|diga|procur\w*|vat|lees|wat|wie|wanneer|waar|hoe|toon|"
    r"vertel|zoek|sammanfatta|läs|vad|vem|när|hur|visa|berätta|прочит\w*|что|кто|когда|где|как|"
    r"покаж\w*|объясн\w*|найд\w*|сравн\w*|перевед\w*|кратко|сколько)\b|"
    r"总结|概括|读|什么|谁|哪|怎么|多少|显示|告诉|解释|翻译|查找|看看|比较|吗|"
    r"要約|読|何|誰|いつ|どこ|教え|説明|翻訳|探し"
)
_ENGLISH = re.compile(
    r"\b(?:the|what|what's|which|who|my|of|and|is|are|to|this|that|all|any|please|from|when|how|why|"
    r"for|summari[sz]e|show|find|read|tell|list|check|does|you|your|it|with|on)\b"
)
_DELEGATES = re.compile(
    r"\b(?:erledig\w*|mach\w*|tu|befolg\w*|bearbeit\w*)\b[^.\n]{0,40}\b(?:was|steht|sagt|aufgaben|"
    r"anweisung\w*|anleitung|wünscht|verlangt|will)\b|"
    r"\b(?:fais|faites|suis|suivez|exécut\w*)\b[^.\n]{0,40}\b(?:ce que|ce qui|instructions|demand\w*)\b|"
    r"\b(?:haz|haga|sigue|siga|cumple)\b[^.\n]{0,40}\b(?:lo que|instrucciones|pide|dice)\b|"
    r"\b(?:fai|segui|esegui)\b[^.\n]{0,40}\b(?:quello che|ciò che|istruzioni|chiede)\b|"
    r"\b(?:faça|siga)\b[^.\n]{0,40}\b(?:o que|instruções|pede)\b|"
    r"\b(?:doe|volg)\b[^.\n]{0,40}\b(?:wat|instructies)\b|\b(?:gör|följ)\b[^.\n]{0,40}\b(?:det|som|vad)\b|"
    r"\b(?:сделай|выполни|следуй)\w*\b[^.\n]{0,40}\b(?:что|как|инструкц\w*|просит)\b|"
    r"按照|按.{1,20}(?:说|要求|做)|照.{1,20}做|の通り|に従っ|指示どおり"
)


@lru_cache(maxsize=512)
def foreign_deeds(text: str) -> frozenset[Deed]:
    """The deeds that a lower-case text in another language may speak of."""
    head = text[:4000]
    return frozenset(deed for deed, pattern in _deeds() if pattern.search(head))


def is_english(text: str) -> bool:
    """Whether a lower-case text holds some of the commonest English words."""
    return _ENGLISH.search(text[:4000]) is not None


def asks_to_be_told(text: str) -> bool:
    """Whether a request in another language asks for something to be read or said."""
    return _READS.search(text[:4000]) is not None


def delegates_abroad(text: str) -> bool:
    """Whether a request in another language says to do what some other text says."""
    return _DELEGATES.search(text[:4000]) is not None
